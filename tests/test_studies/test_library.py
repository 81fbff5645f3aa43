"""The studies that ship with mixtune: all are valid, and the smallest runs."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import pytest

from studies.analysis.rating import rate
from studies.run.launch import prepare_launch
from studies.study_file import read_study
from tests.support.launching import local

with as_file(files("studies").joinpath("library")) as folder:
    LIBRARY = sorted(Path(folder).glob("*.yaml"))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_every_study_is_valid_and_named_after_its_file(path: Path) -> None:
    assert read_study(path).name == path.stem


def test_the_smallest_study_runs_and_finds_what_was_planted(tmp_path: Path) -> None:
    (smallest,) = (path for path in LIBRARY if path.stem == "smallest")
    outcome = prepare_launch(read_study(smallest), tmp_path).run(local, lambda _: None)
    verdicts = {effect.text: effect.verdict for effect in rate(outcome.study).effects}
    assert verdicts["lamp"] == "helps"
    assert verdicts["baker"] == "hurts"
    for name in ("ladder", "stones"):
        assert verdicts[name] == "no evidence yet"
