"""The command line, called as a user would."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from spaces.errors import MixtuneError
from studies.cli import app, main
from tests.support.refusals import check


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str, code: str, **where: Any
) -> str:
    """Standard error of a program that fails.

    Args:
        capsys: catches it.
        monkeypatch: sets the command line.
        words: the command.
        code: the kind of fault that must have been met.
        where: attributes of the error, such as `field` and `line`.
    """
    monkeypatch.setattr(sys, "argv", ["mixtune", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    error = caught.value.__context__
    assert isinstance(error, MixtuneError)
    check(error, code, **where)
    said = capsys.readouterr().err
    assert "Error: " in said
    assert "Traceback" not in said
    return " ".join(said.split())
