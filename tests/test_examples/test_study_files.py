"""The study files to start from: all are valid, and the smallest runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixtune import Study
from studies.spec import read_study

FILES = sorted((Path(__file__).resolve().parents[2] / "examples" / "study_files").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_study_is_valid_and_named_after_its_file(path: Path) -> None:
    assert read_study(path).name == path.stem


def test_the_smallest_study_runs_and_finds_what_was_planted(tmp_path: Path) -> None:
    (smallest,) = (path for path in FILES if path.stem == "smallest")
    study = Study.create(smallest, runs=tmp_path)
    study.run("local")
    verdicts = study.effects().set_index("text")["verdict"].to_dict()
    assert verdicts["lamp"] == "helps"
    assert verdicts["baker"] == "hurts"
    for name in ("ladder", "stones"):
        assert verdicts[name] == "no evidence yet"
