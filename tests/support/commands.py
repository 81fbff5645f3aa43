"""The command line, called as a user would."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner, Result

from studies.cli import app, main


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """What the program prints on standard error when it fails."""
    monkeypatch.setattr(sys, "argv", ["mixtune", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    return " ".join(capsys.readouterr().err.split())
