"""Launching and resuming on a database, with the synthetic objective and without Ray."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from search.artifacts import Artifacts
from search.assignment import ObjectiveFactory
from search.deadline import Deadline
from search.searcher import StudySearcher
from search.storage.sqlite import SoleDriver
from spaces import FieldError
from studies.run.execution import Ending, Run
from studies.run.launch import prepare_launch, prepare_resume
from studies.spec import StudySpec
from studies.storage.finding import find
from studies.storage.store import open_store
from tests.support.launching import Interrupted, launch, local, spec_for
from tests.support.refusals import refused
from tests.support.studies import fill_up


def test_a_study_runs_from_specification_to_records(library: Path, tmp_path: Path) -> None:
    outcome = launch(library, tmp_path / "runs")
    assert outcome.ending is Ending.FINISHED
    assert outcome.reason == ""
    assert len(outcome.study.records) == 8
    assert outcome.study.base == 0.25
    assert [text.name for text in outcome.study.texts] == ["alpha", "beta", "delta", "gamma"]
    assert outcome.study.texts[0].tokens == 8
    assert outcome.study.best is not None
    assert outcome.study.best.score == max(record.score or 0 for record in outcome.study.records)


def test_an_interrupted_study_goes_on_where_it_stopped(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    stopped = prepare_launch(spec_for(library), runs).run(lambda *_: Interrupted(10), lambda _: None)
    assert stopped.ending is Ending.INTERRUPTED
    assert len(stopped.study.ended(TrialState.RUNNING)) == 1
    before = {record.number: record for record in stopped.study.records}
    outcome = prepare_resume("small", runs).run(local, lambda _: None)
    assert outcome.ending is Ending.FINISHED
    assert [record.number for record in outcome.study.records] == list(range(8))
    assert all(record.state.is_finished() for record in outcome.study.records)
    for number, record in before.items():
        again = outcome.study.records[number]
        assert again.config == record.config
        assert again.rungs[: len(record.rungs)] == record.rungs


def test_more_trials_can_be_asked_of_a_finished_study(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    launch(library, runs)
    outcome = prepare_resume("small", runs, trials=12).run(local, lambda _: None)
    assert len(outcome.study.records) == 12
    assert find("small", runs)[1].spec.search.trials == 12


def test_a_study_resumes_from_the_database_alone(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    prepare_launch(spec_for(library), runs).run(lambda *_: Interrupted(10), lambda _: None)
    before = find("small", runs)[1].records
    for gone in ("artifacts", "ray", "cache"):
        shutil.rmtree(runs / "small" / gone, ignore_errors=True)
    outcome = prepare_resume("small", runs).run(local, lambda _: None)
    assert [record.number for record in outcome.study.records] == list(range(8))
    assert all(record.state.is_finished() for record in outcome.study.records)
    for record in before:
        assert outcome.study.records[record.number].rungs[: len(record.rungs)] == record.rungs


def test_a_study_launched_anew_does_not_go_on_from_the_old_ones_trials(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    prepare_launch(spec_for(library), runs).run(lambda *_: Interrupted(2), lambda _: None)
    for file in (runs / "small").glob("study.db*"):
        file.unlink()
    outcome = launch(library, runs, objective={"base_score": 0.75})
    for record in outcome.study.records:
        assert {rung.base for rung in record.rungs} == {0.75}


@pytest.mark.parametrize(
    ("changes", "data"),
    [
        ({"seed": 1}, ["seed", "0", "1"]),
        ({"objective": {"base_score": 0.5}}, ["objective.base_score", "0.25", "0.5"]),
        ({"objective": {"effects": {"alpha": 0.1}}}, ["objective.effects.alpha", "0.3", "0.1"]),
    ],
)
def test_a_file_that_changes_scores_is_refused(
    library: Path, tmp_path: Path, changes: dict[str, Any], data: list[str]
) -> None:
    launch(library, tmp_path / "runs")
    changed = spec_for(library, **changes)
    with refused("change-grave", *data, "`name:`"):
        prepare_resume("small", tmp_path / "runs", file=changed, allow=True)
    with refused("change-grave", *data, "`name:`"):
        prepare_launch(changed, tmp_path / "runs")


def test_a_file_that_leaves_trials_comparable_is_taken_over_when_allowed(library: Path, tmp_path: Path) -> None:
    launch(library, tmp_path / "runs")
    moved = tmp_path / "moved"
    shutil.copytree(library, moved)
    changed = spec_for(moved, search={"trials": 10, "workers": 3})
    with refused("change-not-allowed", "search.trials", "8", "10", "mixtune resume small", "--study FILE --allow"):
        prepare_resume("small", tmp_path / "runs", file=changed)
    outcome = prepare_resume("small", tmp_path / "runs", file=changed, allow=True).run(local, lambda _: None)
    assert len(outcome.study.records) == 10
    assert outcome.study.spec.search.workers == 3
    prepare_resume("small", tmp_path / "runs", file=changed)


def test_a_taken_name_says_how_to_resume_or_rename(library: Path, tmp_path: Path) -> None:
    launch(library, tmp_path / "runs")
    with refused("name-taken", "mixtune resume small", "`name:`"):
        prepare_launch(spec_for(library), tmp_path / "runs")


def test_a_taken_name_in_a_shared_database_is_refused_too(library: Path, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'shared.db'}"
    prepare_launch(spec_for(library, storage=storage), tmp_path / "here")
    with refused("name-taken", "small"):
        prepare_launch(spec_for(library, storage=storage), tmp_path / "there")
    prepare_launch(spec_for(library, storage=storage, name="other"), tmp_path / "there")
    assert open_store(storage).names() == ["other", "small"]


def test_an_unknown_study_gets_the_list(library: Path, tmp_path: Path) -> None:
    launch(library, tmp_path / "runs")
    with refused("study-unknown", "'smal'", "small"):
        find("smal", tmp_path / "runs")
    storage = f"sqlite:///{tmp_path / 'runs' / 'small' / 'study.db'}"
    with refused("study-unknown", "'smal'", "'small'"):
        find("smal", tmp_path / "runs", storage)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda folder: (folder / "beta.txt").unlink(), "'beta'"),
        (lambda folder: (folder / "new.txt").write_text("a new text"), "'new'"),
        (lambda folder: (folder / "alpha.txt").write_text("edited"), "'alpha'"),
    ],
)
def test_changed_texts_are_refused_on_resume(library: Path, tmp_path: Path, change: Any, text: str) -> None:
    launch(library, tmp_path / "runs")
    change(library)
    with refused("inputs-changed", "'small'", text):
        prepare_resume("small", tmp_path / "runs")


@pytest.mark.torch
def test_changed_held_out_text_is_refused_on_resume(library: Path, tmp_path: Path) -> None:
    for text in library.iterdir():
        text.write_text(text.read_text() * 30)
    held_out = tmp_path / "held_out.txt"
    held_out.write_text("".join(f"the bee met the ant at river {i}.\n" for i in range(20)))
    scores = [{"kind": "heldout", "files": [str(held_out)]}]
    objective = {"kind": "finetune", "tokens": 64, "sequence_length": 16, "batch_size": 4, "scores": scores}
    spec = spec_for(library, search={"trials": 2}).to_dict() | {"objective": objective}
    runs = tmp_path / "runs"
    prepare_launch(StudySpec.model_validate(spec), runs).run(local, lambda _: None)
    prepare_resume("small", runs, trials=3)
    held_out.write_text("".join(f"quite another text {i}.\n" for i in range(20)))
    with refused("inputs-changed", "'small'", "held_out.txt"):
        prepare_resume("small", runs, trials=3)


def test_a_full_disk_is_refused_before_any_trial(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    with refused("disk-full", "0 MB", "--runs", "search.trials"):
        prepare_launch(spec_for(library), tmp_path / "runs")
    monkeypatch.undo()
    assert len(launch(library, tmp_path / "runs").study.records) == 8, "the name was not taken by the refused launch"


class Refusing:
    """A runner that finds at its start that the machine has not what a trial wants."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        raise FieldError("search.gpus", "a trial wants 1, and the largest machine has 0.", code="planted")


def test_a_launch_that_never_began_frees_its_name_and_a_resume_keeps_the_study(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with refused("planted"):
        prepare_launch(spec_for(library), runs).run(lambda *_: Refusing(), lambda _: None)
    prepare_launch(spec_for(library), runs)
    with refused("planted"):
        prepare_resume("small", runs).run(lambda *_: Refusing(), lambda _: None)
    assert len(prepare_resume("small", runs).run(local, lambda _: None).study.records) == 8


def test_a_study_that_another_driver_has_joined_is_not_forgotten(library: Path, tmp_path: Path) -> None:
    ready = prepare_launch(spec_for(library), tmp_path / "runs")

    class Joined(SoleDriver):
        def others(self) -> list[str]:
            return ["process 1 on another machine"]

    run = Run(ready, local, lambda _: None, Deadline())
    run._forget_if_not_started(Joined(ready.store.storage.engine, "small", "small"))
    assert ready.store.is_launched("small")


@pytest.mark.parametrize("place", ["nosuch://bucket/x", "s3://bucket/x", "FILE"])
def test_artifacts_that_cannot_be_kept_are_refused_before_any_trial(library: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    place = place.replace("FILE", str(tmp_path / "file" / "artifacts"))
    with refused("artifacts-unwritable", place.removeprefix("file://"), field="artifacts"):
        launch(library, tmp_path / "runs", artifacts=place)
    assert not open_store(f"sqlite:///{tmp_path / 'runs' / 'small' / 'study.db'}").names()


def test_artifacts_lie_where_the_study_file_says(library: Path, tmp_path: Path) -> None:
    outcome = launch(library, tmp_path / "runs", artifacts=f"file://{tmp_path}/kept")
    (place,) = (tmp_path / "kept").iterdir()
    assert place.name == f"small-{outcome.study.id}"
    assert not (tmp_path / "runs" / "small" / "artifacts").exists()


def test_a_space_with_nothing_to_search_is_refused(library: Path, tmp_path: Path) -> None:
    with refused("nothing-to-search", "space.texts.choose"):
        prepare_launch(spec_for(library, space={"texts": {"folder": str(library), "choose": "all"}}), tmp_path / "runs")


def test_an_effect_of_an_unknown_text_is_refused(library: Path, tmp_path: Path) -> None:
    with refused("text-unknown", "'alhpa'", "'alpha'"):
        prepare_launch(spec_for(library, objective={"effects": {"alhpa": 1.0}}), tmp_path / "runs")


def test_a_study_that_stops_itself_says_why(library: Path, tmp_path: Path) -> None:
    outcome = launch(library, tmp_path / "runs", objective={"failures": 1})
    failed = outcome.study.ended(TrialState.FAIL)
    assert len(failed) == 3
    assert failed[-1].error in outcome.reason


def test_a_file_that_is_no_database_is_one_paragraph(library: Path, tmp_path: Path) -> None:
    (tmp_path / "runs" / "small").mkdir(parents=True)
    (tmp_path / "runs" / "small" / "study.db").write_bytes(b"not a database, but long enough to be read as one" * 50)
    with refused("database-unusable", "study.db", "`storage:`"):
        find("small", tmp_path / "runs")


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "sqlite"])
def test_a_password_is_not_shown(driver: str) -> None:
    with refused("url-holds-password") as caught:
        open_store(f"{driver}://user:canary@127.0.0.1:1/x")
    assert "canary" not in str(caught.value)


def test_sqlite_is_switched_to_write_ahead_logging(library: Path, tmp_path: Path) -> None:
    launch(library, tmp_path / "runs")
    connection = sqlite3.connect(tmp_path / "runs" / "small" / "study.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_study_of_another_program_is_not_taken_for_ours(tmp_path: Path) -> None:
    import optuna

    storage = f"sqlite:///{tmp_path / 'other.db'}"
    optuna.create_study(storage=storage, study_name="foreign")
    with refused("study-of-other-program", "'foreign'"):
        open_store(storage).load("foreign")


def test_a_disk_that_fills_up_stops_the_study_and_loses_nothing(library: Path, tmp_path: Path) -> None:
    ready = prepare_launch(spec_for(library), tmp_path)
    fill_up(ready.store.storage, spare_pages=4)
    with refused("database-unusable", "database or disk is full", "mixtune resume small"):
        ready.run(local, lambda _: None)
    before = {record.number: record for record in find("small", tmp_path)[1].records if record.rungs}
    assert before
    after = prepare_resume("small", tmp_path).run(local, lambda _: None).study.records
    assert len(after) == 8
    for number, record in before.items():
        assert after[number].rungs[: len(record.rungs)] == record.rungs


@pytest.mark.parametrize(("choose", "least"), [("subset", 20), ("weights", 20), ("one", 24)])
def test_too_few_trials_for_a_rating_are_told_first(library: Path, tmp_path: Path, choose: str, least: int) -> None:
    space = {"texts": {"folder": str(library), "choose": choose}, "learning_rate": {"low": 1e-4, "high": 1e-2}}

    def notes(trials: int) -> tuple[str, ...]:
        spec = spec_for(library, name=f"of-{trials}", space=space, search={"trials": trials})
        return prepare_launch(spec, tmp_path).notes

    told, silent = notes(least - 1), notes(least)
    assert len(told) == len(silent) + 1
    assert any(re.search(rf"\b{least - 1}\b.*\b{least}\b", note) for note in told)
