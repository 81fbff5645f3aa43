"""A study with two objectives, from its file to its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from studies.analysis.pareto import front, secondary_value
from studies.run.launch import prepare_launch, prepare_resume
from studies.storage.store import open_store
from studies.storage.stored import StoredStudy
from tests.support.launching import local, spec_for
from tests.support.refusals import refused
from tests.support.reports import written

SEARCH: dict[str, Any] = {"trials": 24, "secondary_objective": "text_tokens"}


@pytest.fixture
def study(library: Path, tmp_path: Path) -> StoredStudy:
    (library / "beta.txt").write_text("bread and cheese and soup. " * 20)
    return prepare_launch(spec_for(library, search=SEARCH), tmp_path / "runs").run(local, lambda _: None).study


def test_no_trial_beats_one_of_the_front_in_both_goals(study: StoredStudy) -> None:
    best = front(study)
    assert best[0].score == max(record.score or 0.0 for record in study.ended(TrialState.COMPLETE))
    for one in best:
        for other in study.ended(TrialState.COMPLETE):
            fewer = secondary_value(study, other) <= secondary_value(study, one)
            better = (other.score or 0.0) >= (one.score or 0.0) and fewer
            equal = (other.score, secondary_value(study, other)) == (one.score, secondary_value(study, one))
            assert equal or not better
    assert secondary_value(study, best[-1]) == 0, "the untouched base needs no text"


def test_the_report_shows_the_front(study: StoredStudy, tmp_path: Path) -> None:
    page = written(open_store(study.url), study, tmp_path / "report").read_text()
    assert "Two objectives" in page
    assert "Pareto front (score, tokens of the texts in the mix)" in page
    assert (tmp_path / "report" / "pareto.png").is_file()


def test_the_goals_of_a_study_stay(study: StoredStudy, library: Path, tmp_path: Path) -> None:
    other = spec_for(library, search={**SEARCH, "secondary_objective": "adapter_size"})
    with refused("change-grave", "search.secondary_objective"):
        prepare_resume("small", tmp_path / "runs", file=other, allow=True)
    again = prepare_resume("small", tmp_path / "runs", trials=28).run(local, lambda _: None).study
    assert len(again.records) == 28


def test_retention_needs_held_out_text(library: Path, tmp_path: Path) -> None:
    with refused("secondary-without-heldout", "'retention'", field="search.secondary_objective"):
        prepare_launch(spec_for(library, search={"trials": 4, "secondary_objective": "retention"}), tmp_path / "runs")
