"""A library of three texts."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a folder of three texts, within the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library").mkdir()
    for name in ("ants", "bees", "cats"):
        (tmp_path / "library" / f"{name}.txt").write_text(" ".join(f"{name}{n}" for n in range(3000)), encoding="utf-8")
    return "library"
