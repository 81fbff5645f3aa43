"""Confirmation of a search: runs, their analysis on planted truth, and what is said of it."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from objectives.base import Rung
from objectives.questions import ItemWeights
from objectives.synthetic import SyntheticObjective
from search.artifacts import Artifacts
from search.assignment import ObjectiveFactory
from search.confirmation import BASE
from search.searcher import StudySearcher
from search.storage.records import TrialRecord
from spaces import TrialConfig
from spaces.trial import Split
from studies.analysis.comparison import Comparison, compared
from studies.analysis.confirmation import _interval, confirmed, distinct_roles, pooled_spread, runs_of
from studies.analysis.units import UNITS
from studies.report.standing import print_status
from studies.report.tables import confirmation_table
from studies.report.terminal import print_confirmation
from studies.report.words import confirmation_sentence
from studies.run.execution import Ending, Outcome
from studies.run.launch import prepare_launch, prepare_resume
from studies.storage.finding import find
from studies.storage.store import open_store
from studies.storage.stored import StoredStudy
from tests.support.launching import Interrupted, local, spec_for
from tests.support.reports import written

SEARCH = {"trials": 12, "confirm": {"best": 2, "seeds": 3}}


def study_of(library: Path, runs: Path, effect: float = 0.3, **search: Any) -> StoredStudy:
    objective = {"effects": {"alpha": effect, "beta": effect}, "noise": 0.01}
    ready = prepare_launch(spec_for(library, search={**SEARCH, **search}, objective=objective), runs)
    return ready.run(local, lambda _: None).study


def test_the_best_are_run_anew_beside_the_baselines(library: Path, tmp_path: Path) -> None:
    study = study_of(library, tmp_path / "runs")
    assert len(study.records) == 12, "the search has its trials and no others"
    rows = confirmed(study)
    assert [row.role for row in rows[2:]] == [BASE, "all texts", "random mix"]
    assert [row.runs for row in rows] == [3, 3, 1, 3, 3]
    best = rows[0]
    assert best.of is not None
    assert study.best is not None
    assert best.searched == pytest.approx(study.best.rungs[-1].gain)
    assert best.low < 0.3 * len({"alpha", "beta"} & set(best.texts)) < best.high
    assert best.beats_base
    assert rows[2].gain == 0.0
    assert list(confirmation_table(confirmed(study))["role"]) == [row.role for row in rows]


def test_the_search_and_its_confirmation_are_asked_different_questions(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a confirming run goes on after a break."""
    asked: list[tuple[bool, str]] = []
    evaluate = SyntheticObjective.evaluate

    def noted(self: SyntheticObjective, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        asked.append(("confirmation" in workdir.parts, split))
        return evaluate(self, trial, workdir, split)

    monkeypatch.setattr(SyntheticObjective, "evaluate", noted)
    ready = prepare_launch(spec_for(library, search=SEARCH), tmp_path / "runs")
    runners = iter([Interrupted(1000), Interrupted(4)])  # the search ends, its confirmation is cut off
    ready.run(lambda *_: next(runners), lambda _: None)
    study = prepare_resume("small", tmp_path / "runs").run(local, lambda _: None).study
    assert len(asked) > len(study.records) + len(study.confirmation), "one was cut off"
    assert set(asked) == {(False, "search"), (True, "holdout")}
    trials = ready.store.open_study("small/confirmation").trials
    assert {trial.user_attrs["config"]["half"] for trial in trials} == {"holdout"}, "for versions that read it there"


def test_a_null_study_says_that_nothing_beats_the_base(library: Path, tmp_path: Path) -> None:
    study = study_of(library, tmp_path / "runs", effect=0.0)
    rows = confirmed(study)
    assert not any(row.beats_base for row in rows)
    assert confirmation_sentence(study, rows).startswith("No configuration is shown to beat the untouched base")
    assert rows[0].searched is not None
    assert rows[0].searched > rows[0].gain, "the search picked what was lucky"


@pytest.mark.parametrize("beta", [-0.3, 0.3])
def test_the_best_mix_is_compared_with_all_texts(library: Path, tmp_path: Path, beta: float) -> None:
    objective = {"effects": {"alpha": 0.3, "beta": beta}, "noise": 0.02}
    search = {"trials": 24, "confirm": {"best": 2, "seeds": 3}}
    ready = prepare_launch(spec_for(library, seed=3, search=search, objective=objective), tmp_path / "runs")
    study = ready.run(local, lambda _: None).study
    against = {each.baseline: each for each in compared(study)}
    assert set(against) == {"all texts", "random mix"}
    found = against["all texts"]
    assert found.low < (0.3 if beta < 0 else 0.0) < found.high
    assert (found.low > 0) == (beta < 0), "it beats all texts where one of them does harm"
    assert found.verdict == ("beats" if beta < 0 else "not shown")
    said = confirmation_sentence(study, confirmed(study))
    assert all(each.sentence(UNITS["score"].fine_enough(r.high - r.gain for r in confirmed(study))) in said
               for each in against.values())  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "same", "verdict", "said"),
    [
        (0.05, 0.19, False, "beats", "The best mix beats all texts by +0.120 (+0.050 to +0.190)."),
        (-0.05, 0.29, False, "not shown", "The best mix is not shown to beat all texts: +0.120 (-0.050 to +0.290)."),
        (-0.4, -0.1, False, "falls behind", "The best mix falls behind all texts by +0.120 (-0.400 to -0.100)."),
        (0.05, 0.19, True, "same", "The best mix is the same as all texts."),
    ],
)
def test_the_answer_is_what_the_interval_says(low: float, high: float, same: bool, verdict: str, said: str) -> None:
    """These sentences are the study's answer, so here they are held word by word."""
    found = Comparison(3, "all texts", same, 0.12, low, high)
    assert found.verdict == verdict
    assert found.sentence(UNITS["score"]) == said


def _stopped(library: Path, runs: Path, rungs: int) -> Outcome:
    ready = prepare_launch(spec_for(library, search=SEARCH), runs)
    interrupted = iter([local(ready.spec, runs), Interrupted(rungs)])
    return ready.run(lambda *_: next(interrupted), lambda _: None)


@pytest.mark.parametrize("rungs", [0, 4, 20])
def test_a_confirmation_that_was_stopped_goes_on(library: Path, tmp_path: Path, rungs: int) -> None:
    runs = tmp_path / "runs"
    outcome = _stopped(library, runs, rungs)
    assert outcome.ending is Ending.INTERRUPTED
    before = outcome.study
    study = prepare_resume("small", runs).run(local, lambda _: None).study
    assert len(study.records) == 12
    planned = {run.config.fingerprint for run in runs_of(study)}
    assert sorted(record.config.fingerprint for record in study.confirmation) == sorted(planned)
    assert all(record.state is TrialState.COMPLETE for record in study.confirmation)
    for old, new in zip(before.confirmation, study.confirmation, strict=False):
        assert new.rungs[: len(old.rungs)] == old.rungs
    again = prepare_resume("small", runs).run(local, lambda _: None).study
    assert again.confirmation == study.confirmation, "nothing is run twice"


def test_more_trials_confirm_what_they_found(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first = study_of(library, runs)
    study = prepare_resume("small", runs, trials=30).run(local, lambda _: None).study
    assert len(study.records) == 30
    assert study.confirmation[: len(first.confirmation)] == first.confirmation
    begun = {record.config.fingerprint for record in study.confirmation}
    assert {run.config.fingerprint for run in runs_of(study)} <= begun
    assert study.best is not None
    assert confirmed(study)[0].of == study.best.number


def test_the_sampler_never_sees_a_confirming_run(library: Path, tmp_path: Path) -> None:
    study_of(library, tmp_path / "runs")
    store, _, _ = find("small", tmp_path / "runs")
    assert len(store.open_study("small").trials) == 12
    assert store.names() == ["small"]
    store.forget("small")
    assert store.names() == []
    assert optuna.get_all_study_names(store.storage) == []


def test_without_confirmation_it_is_said(library: Path, tmp_path: Path) -> None:
    study = study_of(library, tmp_path / "runs", confirm={"best": 0})
    assert study.confirmation == ()
    assert "confirm.best is 0" in confirmation_sentence(study, [])
    assert confirmation_table(confirmed(study)).empty


class Failing:
    """A runner whose trials all fail."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        while (assignment := searcher.ask()) is not None:
            searcher.fail(assignment.number, "RuntimeError: out of luck")


def test_runs_that_fail_are_told_and_tried_again_at_the_next_resume(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    search = {**SEARCH, "max_consecutive_failures": 100}
    ready = prepare_launch(spec_for(library, search=search), runs)
    runners = iter([local(ready.spec, runs), Failing()])
    study = ready.run(lambda *_: next(runners), lambda _: None).study
    assert {record.state for record in study.confirmation} == {TrialState.FAIL}
    said = confirmation_sentence(study, confirmed(study))
    assert f"{len(study.confirmation)} runs" in said
    assert study.confirmation[0].error in said
    assert "mixtune resume small" in said
    console = Console(file=io.StringIO(), width=200, record=True)
    print_status(console, study)
    text = console.export_text()
    assert f"0 of {len(study.confirmation)}" in text
    assert study.confirmation[0].error in text
    again = prepare_resume("small", runs).run(local, lambda _: None).study
    assert len(again.confirmation) == 2 * len(study.confirmation)
    assert [row.failed for row in confirmed(again)] == [0] * len(confirmed(again))


def test_the_terminal_and_the_page_say_it(library: Path, tmp_path: Path) -> None:
    study = study_of(library, tmp_path / "runs")
    console = Console(file=io.StringIO(), width=100, record=True)
    print_confirmation(console, study)
    print_status(console, study)
    text = " ".join(console.export_text().split())
    assert "On questions that the search never saw (change of the score)" in text
    assert "in the search" in text
    assert "gains +0." in text
    assert f"confirmation: {len(study.confirmation)} of {len(study.confirmation)} runs" in text
    page = written(open_store(study.url), study, tmp_path / "report")
    content = " ".join(page.read_text().split())
    assert "Does it hold on new questions?" in content
    assert "in 3 runs with new seeds" in content


def _simulated(rng: np.random.Generator, gains: list[float], design: ItemWeights) -> list[np.ndarray]:
    """Gains of three runs of each role: the role's own, luck of the run, questions that suit the role, noise."""
    questions = len(design.weights)
    passages = rng.normal(0, 0.1, (len(gains), design.clusters.max() + 1))[:, design.clusters]
    return [
        gain + rng.normal(0, 0.02, (3, 1)) + passages[role] + rng.normal(0, 0.1, (3, questions))
        for role, gain in enumerate(gains)
    ]


def test_intervals_of_gains_hold_together_on_planted_truth() -> None:
    """Three configurations and a baseline, 80 questions on 40 passages: all three intervals hold in 95 of 100."""
    rng = np.random.default_rng(0)
    design = ItemWeights.of([0] * 80, [i // 2 for i in range(80)], [1.0] * 80)
    truth = [0.1, 0.05, 0.0, 0.02]
    held, wrong, studies = 0, 0, 400
    for _ in range(studies):
        found = _simulated(rng, truth, design)
        spread = pooled_spread(found, design)
        intervals = [_interval(role, design, spread, 0.05 / 3)[1:] for role in found[:3]]
        held += all(low <= gain <= high for (low, high), gain in zip(intervals, truth, strict=False))
        wrong += intervals[2][0] > 0
    assert held / studies >= 0.94
    assert wrong / studies <= 0.03
    assert np.mean([high - low for low, high in intervals]) < 0.16, "and they are not idly wide"


def test_runs_that_stand_for_two_roles_say_only_once_how_lucky_runs_are(library: Path, tmp_path: Path) -> None:
    objective = {"effects": {"alpha": 0.3, "beta": 0.3, "gamma": 0.3, "delta": 0.3}, "noise": 0.01}
    ready = prepare_launch(spec_for(library, search={**SEARCH, "trials": 24}, objective=objective), tmp_path / "runs")
    study = ready.run(local, lambda _: None).study
    roles: dict[str, list[TrialRecord]] = {}
    for run in runs_of(study):
        record = next(each for each in study.confirmation if each.config.fingerprint == run.config.fingerprint)
        roles.setdefault(run.role, []).append(record)
    first, *_ = roles
    assert roles[first][0].texts == tuple(text.name for text in study.texts), "the best mix is all texts"
    assert roles["all texts"] == roles[first]
    assert "all texts" not in list(distinct_roles(roles))
    assert first in list(distinct_roles(roles))


def test_without_two_runs_of_any_role_there_is_no_interval() -> None:
    design = ItemWeights.of([0] * 4, range(4), [1.0] * 4)
    gains = np.array([[0.1, 0.2, 0.1, 0.2]])
    gain, low, high = _interval(gains, design, pooled_spread([gains], design), 0.05)
    assert gain == pytest.approx(0.15)
    assert (low, high) == (-math.inf, math.inf)
