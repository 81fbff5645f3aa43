from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from objectives.base import Rung
from search.artifacts import Artifacts
from search.assignment import reason
from search.events import Event
from search.runner import LocalRunner
from search.searcher import Decision
from search.storage.records import Arm, read_record
from spaces import Corpus, TrialConfig
from spaces.trial import Split
from tests.support.events import kinds_of
from tests.support.searching import records, run, rung
from tests.support.studies import searcher_on, synthetic_factory


def test_a_study_has_exactly_its_trials(corpus: Corpus, tmp_path: Path) -> None:
    found = run(corpus, tmp_path, InMemoryStorage(), trials=17)
    assert [record.number for record in found] == list(range(17))
    assert {record.state for record in found} <= {TrialState.COMPLETE, TrialState.PRUNED}


def test_half_of_the_trials_are_randomized_in_complementary_pairs(corpus: Corpus, tmp_path: Path) -> None:
    found = run(corpus, tmp_path, InMemoryStorage(), trials=40)
    randomized = [record for record in found if record.randomized]
    assert len(randomized) == 20
    for pair in range(10):
        first, second = (record for record in randomized if record.pair == pair)
        assert set(first.texts) | set(second.texts) == set(corpus.names)
        assert not set(first.texts) & set(second.texts)
        assert first.config.seed == second.config.seed
        assert first.config.stages[0].tuning == second.config.stages[0].tuning
        assert first.config.stages[0].learning_rate == second.config.stages[0].learning_rate
        assert first.propensity == second.propensity == 0.5
    assert len({record.config.seed for record in found}) == 30, "every pair and every guided trial has its own seed"


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.25, 10), (1.0, 40)])
def test_the_share_of_randomized_trials_is_the_users(
    corpus: Corpus, tmp_path: Path, share: float, expected: int
) -> None:
    found = run(corpus, tmp_path, InMemoryStorage(), trials=40, randomized_share=share)
    assert sum(record.randomized for record in found) == expected


def test_randomized_trials_are_never_pruned_and_guided_ones_are(corpus: Corpus, tmp_path: Path) -> None:
    found = run(corpus, tmp_path, InMemoryStorage(), trials=60)
    assert all(record.state is TrialState.COMPLETE for record in found if record.randomized)
    assert sum(record.state is TrialState.PRUNED for record in found if record.arm is Arm.GUIDED) >= 5


def test_a_pruned_trial_keeps_its_rungs_with_the_deciding_one(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    run(corpus, tmp_path, storage, trials=60)
    pruned = [t for t in storage.get_all_trials(0) if t.state is TrialState.PRUNED]
    assert pruned
    for trial in pruned:
        record = read_record(trial)
        assert record is not None
        assert len(record.rungs) == len(trial.intermediate_values) >= 1
        assert trial.value == record.rungs[-1].score
        assert record.score is None, "the score at the full budget is unknown"


def test_complete_trials_have_all_rungs_and_their_last_score(corpus: Corpus, tmp_path: Path) -> None:
    for record in run(corpus, tmp_path, InMemoryStorage(), trials=12):
        if record.state is TrialState.COMPLETE:
            assert [rung.tokens for rung in record.rungs] == [300, 600, 900]
            assert record.score == record.rungs[-1].score


def test_without_searched_texts_there_is_no_randomized_arm(corpus: Corpus, tmp_path: Path) -> None:
    found = run(corpus, tmp_path, InMemoryStorage(), trials=8, space={"texts": {"choose": "all"}})
    assert {record.arm for record in found} == {"guided"}


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_fails_the_trial(corpus: Corpus, score: float) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage)
    assignment = searcher.ask()
    assert assignment is not None
    assert searcher.report(assignment.number, rung(searcher, 0, score)) is Decision.STOP
    (record,) = records(storage)
    assert record.state is TrialState.FAIL
    assert "not a finite number" in record.error
    assert record.score is None


def test_failures_are_recorded_with_their_reason_and_the_study_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, trials=30, max_consecutive_failures=30)
    LocalRunner().run(searcher, synthetic_factory(corpus, failures=0.3), Artifacts(tmp_path))
    found = records(storage)
    failed = [record for record in found if record.state is TrialState.FAIL]
    assert len(found) == 30
    assert 2 <= len(failed) <= 20
    assert all(record.error.startswith("MixtuneError: ") for record in failed)


def test_the_study_stops_after_three_failures_in_a_row_for_one_reason(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, trials=30)
    LocalRunner().run(searcher, synthetic_factory(corpus, failures=1), Artifacts(tmp_path))
    assert len(records(storage)) == 3
    assert "3 trials" in searcher.stop_reason
    assert searcher.stop_reason.endswith(records(storage)[-1].error)


def test_different_reasons_do_not_stop_the_study(corpus: Corpus) -> None:
    searcher = searcher_on(corpus, trials=9)
    for word in "one two three one two three one two three".split():
        assignment = searcher.ask()
        assert assignment is not None
        searcher.fail(assignment.number, f"reason {word}")
    assert searcher.stop_reason == ""


@pytest.mark.parametrize(
    "reason",
    [
        "OSError: [Errno 28] No space left on device: 'runs/a/artifacts/trial-000{}/rung-0.tmp'",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 1.5{} GiB",
        "MixtuneError: the learning rate 1.0e-0{} is too high",
        "ActorDiedError: The actor died. class_name: TrialActor actor_id: 4a{}f3b9c2d8e01f2a4b5c6d701000000 pid: 4711",
        "WorkerCrashed: 7fa3bc{0}0-12ab-4cde-8f01-23456789abc{0} at 0x7fa3bc{0}0dead",
    ],
)
def test_failures_that_differ_in_figures_alone_are_alike(corpus: Corpus, reason: str) -> None:
    searcher = searcher_on(corpus, trials=9)
    for number in range(3):
        assert searcher.stop_reason == ""
        assignment = searcher.ask()
        assert assignment is not None
        searcher.fail(assignment.number, reason.format(number))
    assert searcher.stop_reason.endswith(reason.format(2))
    assert searcher.ask() is None


def test_failures_of_an_earlier_run_do_not_stop_a_resumed_study(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    for searcher in (searcher_on(corpus, storage, trials=20), searcher_on(corpus, storage, trials=20)):
        while (assignment := searcher.ask()) is not None:
            searcher.fail(assignment.number, "the disk is full")
    assert len(records(storage)) == 6, "three in each run"


def test_the_complement_of_a_failed_trial_is_not_run(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, trials=10, randomized_share=1.0)
    first = searcher.ask()
    assert first is not None
    searcher.fail(first.number, "a worker died")
    found = run(corpus, tmp_path, storage, trials=10, randomized_share=1.0)
    assert [record.pair for record in found] == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


@pytest.mark.parametrize("error", [MemoryError("no memory left"), ValueError("nan"), KeyError("acc")])
def test_what_a_trial_raises_is_its_failure(corpus: Corpus, tmp_path: Path, error: Exception) -> None:
    class Raising:
        rungs = (300, 600, 900)

        def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
            raise error
            yield

    storage = InMemoryStorage()
    LocalRunner().run(searcher_on(corpus, storage, trials=2), Raising, Artifacts(tmp_path))
    assert [record.error for record in records(storage)] == [reason(error)] * 2


def test_a_trial_that_ends_before_its_last_rung_has_failed(corpus: Corpus, tmp_path: Path) -> None:
    class Short:
        rungs = (300, 600, 900)

        def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
            yield Rung(0, 300, 0.5, 0.1, 0.2)

    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, trials=1, pruner="none")
    LocalRunner().run(searcher, Short, Artifacts(tmp_path))
    (record,) = records(storage)
    assert (record.state, record.error) == (TrialState.FAIL, "The trial ended before its last rung.")
    assert len(record.rungs) == 1


def test_everything_that_happens_is_told(corpus: Corpus, tmp_path: Path) -> None:
    told: list[Event] = []
    searcher = searcher_on(corpus, trials=4, watch=told.append)
    LocalRunner().run(searcher, synthetic_factory(corpus), Artifacts(tmp_path))
    for number in range(4):
        kinds = kinds_of(told, number)
        assert kinds[0] == "started"
        assert kinds[-1] == "finished"
        assert set(kinds[1:-1]) == {"rung"}


def test_what_remains_counts_running_trials(corpus: Corpus) -> None:
    searcher = searcher_on(corpus, trials=3)
    assert (searcher.remaining, searcher.unfinished) == (3, 3)
    assignment = searcher.ask()
    assert assignment is not None
    assert (searcher.remaining, searcher.unfinished) == (2, 3)
    for index in range(3):
        searcher.report(assignment.number, rung(searcher, index))
    assert (searcher.remaining, searcher.unfinished) == (2, 2)
