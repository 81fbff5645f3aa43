"""Outputs as they are met: another encoding than UTF-8, and a reader that leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from studies.storage.places import default_url
from studies.storage.store import open_store
from tests.support.studies import STUDY

_MIXTUNE = [sys.executable, "-c", "from studies.cli import main; main()"]


@pytest.fixture
def place(library: Path) -> Path:
    (library.parent / "study.yaml").write_text(STUDY)
    (library / "Книга.txt").write_text("Жили-были дед да баба.\n" * 3, encoding="utf-8")
    return library.parent


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1251"])
def test_an_output_that_is_not_utf_8_degrades(place: Path, encoding: str) -> None:
    done = subprocess.run(
        [*_MIXTUNE, "launch", "study.yaml", "--local"],
        cwd=place,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


def test_a_study_goes_on_without_a_reader(place: Path) -> None:
    """`mixtune launch study.yaml | head -3` stopped the study in silence."""
    with subprocess.Popen(
        [*_MIXTUNE, "launch", "study.yaml", "--local"], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        told = running.stderr.read().decode()
    assert running.returncode == 0, told
    assert "goes on" in told
    records = open_store(default_url(place / "runs" / "quick")).load("quick").records
    assert len(records) == 12
    assert all(record.state.is_finished() for record in records)
