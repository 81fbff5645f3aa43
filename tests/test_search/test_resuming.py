"""Trials that workers and drivers leave behind, and who continues them."""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from search.events import Event, RungReported
from search.searcher import Decision
from search.storage.records import rung_attribute
from spaces import Corpus
from studies.storage.store import open_store
from tests.support.events import kinds_of
from tests.support.searching import records, run, rung
from tests.support.studies import searcher_on


def test_a_trial_run_again_is_not_judged_on_what_was_judged_before(corpus: Corpus) -> None:
    """Cut off after two rungs that it survived, it survives the first of them again, whatever others do meanwhile."""
    storage = InMemoryStorage()
    dying = searcher_on(corpus, storage, trials=30, randomized_share=0.0, pruner="median")
    for _ in range(6):
        done = dying.ask()
        assert done is not None
        for index in range(3):
            dying.report(done.number, rung(dying, index, score=0.5))
    cut_off = dying.ask()
    assert cut_off is not None
    assert dying.report(cut_off.number, rung(dying, 0, score=0.9)) is Decision.GO_ON
    assert dying.report(cut_off.number, rung(dying, 1, score=0.6)) is Decision.GO_ON
    again = searcher_on(corpus, storage, trials=30, randomized_share=0.0, pruner="median")
    assert again.ask() == cut_off
    for index in (0, 1):
        assert again.report(cut_off.number, rung(again, index, score=0.1)) is Decision.GO_ON
    assert again.report(cut_off.number, rung(again, 2, score=0.1)) is Decision.STOP
    assert records(storage)[6].rungs[0].score == 0.9, "the stored rung stays"


def test_a_trial_cut_off_between_its_last_rung_and_its_end_is_complete(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    dying = searcher_on(corpus, storage, trials=4)
    first = dying.ask()
    assert first is not None
    for index in (0, 1):
        dying.report(first.number, rung(dying, index))
    trial_id = storage.get_trial_id_from_study_id_trial_number(0, first.number)
    storage.set_trial_user_attr(trial_id, *rung_attribute(rung(dying, 2, score=0.7)))
    storage.set_trial_intermediate_value(trial_id, 900, 0.7)
    events: list[Event] = []
    again = searcher_on(corpus, storage, trials=4, watch=events.append)
    following = again.ask()
    assert following is not None
    assert following.number == 1
    assert records(storage)[0].state is TrialState.COMPLETE
    assert records(storage)[0].score == 0.7
    kinds = kinds_of(events, 0)
    assert kinds == ["started", "rung", "rung", "rung", "finished"]


def test_a_trial_under_way_is_run_again_under_its_number(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    dying = searcher_on(corpus, storage, trials=10)
    first, second = dying.ask(), dying.ask()
    assert first is not None
    assert second is not None
    dying.report(first.number, rung(dying, 0))
    found = run(corpus, tmp_path, storage, trials=10)
    assert [record.number for record in found] == list(range(10))
    assert all(record.state.is_finished() for record in found)
    assert found[0].config == first.config
    assert found[1].config == second.config
    assert found[0].rungs[0] == rung(dying, 0), "what was reported before is kept"


def test_a_trial_of_another_program_is_not_counted(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    searcher_on(corpus, storage)
    optuna.load_study(study_name="study", storage=storage).ask()
    found = run(corpus, tmp_path, storage, trials=6)
    assert len(found) == 6
    states = [trial.state for trial in storage.get_all_trials(0)]
    assert states[0] is TrialState.FAIL
    assert TrialState.RUNNING not in states


class Dying(InMemoryStorage):
    """A database whose driver is killed after so many writes."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 10**9

    def _write(self) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        self._write()
        return super().create_new_trial(study_id, template_trial)

    def set_trial_param(self, trial_id: int, *rest: Any) -> None:
        self._write()
        super().set_trial_param(trial_id, *rest)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._write()
        super().set_trial_user_attr(trial_id, key, value)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._write()
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_state_values(self, trial_id: int, *rest: Any) -> bool:
        self._write()
        return super().set_trial_state_values(trial_id, *rest)


def test_a_driver_may_die_at_any_write(corpus: Corpus, tmp_path: Path) -> None:
    for writes in count():
        storage = Dying()
        searcher_on(corpus, storage)
        storage.left = writes
        try:
            run(corpus, tmp_path / f"{writes}", storage, trials=8)
        except KeyboardInterrupt:
            _ends_as_asked(corpus, tmp_path / f"{writes}", storage)
        else:
            break
    assert writes > 60, "eight trials write more often than that"


def _ends_as_asked(corpus: Corpus, folder: Path, storage: Dying) -> None:
    """A driver takes the dead one's place, and the study is as if nothing had happened."""
    storage.left = 10**9
    before = records(storage)
    found = run(corpus, folder, storage, trials=8)
    assert len(storage.get_all_trials(0)) == len(found) == 8
    assert all(record.state in {TrialState.COMPLETE, TrialState.PRUNED} for record in found)
    pairs = [record.pair for record in found if record.randomized]
    assert all(pairs.count(pair) == 2 for pair in pairs)
    for old in before:
        assert found[old.number].config == old.config
        assert found[old.number].rungs[: len(old.rungs)] == old.rungs
    assert len({record.config.fingerprint for record in found}) == 8, "no configuration is run twice"


def test_a_trial_whose_worker_died_is_handed_out_again_first(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    events: list[Event] = []
    searcher = searcher_on(corpus, storage, trials=6, watch=events.append)
    first, second = searcher.ask(), searcher.ask()
    assert first is not None
    assert second is not None
    searcher.report(first.number, rung(searcher, 0))
    searcher.lost(first.number, "the worker died")
    assert searcher.ask() == first
    assert kinds_of(events, 0) == ["started", "rung", "lost", "started", "rung"]
    searcher.report(first.number, rung(searcher, 0))
    assert len([event for event in events if isinstance(event, RungReported)]) == 2, "what is known is not told again"


def test_a_trial_that_kills_its_workers_fails_in_the_end(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, trials=6, retries=2)
    for _ in range(3):
        assignment = searcher.ask()
        assert assignment is not None
        assert assignment.number == 0
        searcher.lost(0, "the worker died")
    (record,) = records(storage)
    assert record.state is TrialState.FAIL
    assert record.error == "the worker died (the trial's worker died 3 times)"
    following = searcher.ask()
    assert following is not None
    assert following.number == 1


def test_another_drivers_trials_are_left_alone_while_it_lives(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    alive_ids: set[str] = set()
    one, other = (searcher_on(corpus, storage, trials=4, driver=Told(alive_ids)) for _ in range(2))
    first, second = one.ask(), other.ask()
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (0, 1)
    one.report(0, rung(one, 0, score=0.9))
    alive_ids.remove(one._log.driver.id)
    assert other.ask() == first, "its driver is gone"
    assert one.report(0, rung(one, 1)) is Decision.PAUSE, "it came back too late"
    one.fail(0, "too late as well")
    assert len(records(storage)[0].rungs) == 1
    assert other.report(0, rung(other, 1)) is Decision.GO_ON


def test_a_study_of_two_drivers_has_exactly_its_trials(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    alive_ids: set[str] = set()
    drivers = [searcher_on(corpus, storage, trials=9, driver=Told(alive_ids), pruner="none") for _ in range(2)]
    open_ = True
    while open_:
        open_ = False
        for searcher in drivers:
            if (assignment := searcher.ask()) is not None:
                open_ = True
                for index in range(3):
                    searcher.report(assignment.number, rung(searcher, index))
    found = records(storage)
    assert len(found) == 9
    assert {record.state for record in found} == {TrialState.COMPLETE}


class Told:
    """A driver that lives as long as its id is in a set."""

    def __init__(self, alive_ids: set[str]) -> None:
        self.id = f"driver {len(alive_ids)}"
        self._living = alive_ids
        alive_ids.add(self.id)

    def alive_ids(self) -> frozenset[str]:
        return frozenset(self._living)

    def exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()


def test_asking_beside_reporting_hands_no_trial_out_twice(corpus: Corpus, tmp_path: Path) -> None:
    """As in Ray's driver: one thread asks, another reports, on a real database."""
    store = open_store(f"sqlite:///{tmp_path / 'study.db'}")
    searcher = searcher_on(corpus, store.storage, trials=60, pruner="none")
    handed: queue.Queue[int | None] = queue.Queue()
    numbers: list[int] = []

    def ask() -> None:
        while (assignment := searcher.ask()) is not None:
            numbers.append(assignment.number)
            handed.put(assignment.number)
        handed.put(None)

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        while (number := handed.get()) is not None:
            for index in range(3):
                searcher.report(number, rung(searcher, index))
        asking.result()
    store.close()
    assert numbers == list(range(60))


def test_a_state_ahead_of_the_database_starts_its_trial_anew(corpus: Corpus) -> None:
    """A power cut may take the last moments from the database, and leave the trial's own file."""
    storage = InMemoryStorage()
    settled: list[int] = []
    searcher = searcher_on(corpus, storage, trials=3)
    searcher.when_ended(settled.append)
    first = searcher.ask()
    assert first is not None
    searcher.report(0, rung(searcher, 0))
    assert searcher.report(0, rung(searcher, 2)) is Decision.PAUSE
    assert settled == [0], "its state is removed"
    assert searcher.ask() == first
    for index in range(3):
        searcher.report(0, rung(searcher, index))
    assert [kept.index for kept in records(storage)[0].rungs] == [0, 1, 2]


def test_the_state_of_a_trial_that_another_driver_has_is_left_alone(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    settled: list[int] = []
    alive_ids: set[str] = set()
    one, other = (searcher_on(corpus, storage, trials=4, driver=Told(alive_ids)) for _ in range(2))
    one.when_ended(settled.append)
    one.ask()
    alive_ids.remove(one._log.driver.id)
    other.ask()
    assert one.report(0, rung(one, 0)) is Decision.PAUSE
    one.fail(0, "too late")
    assert not settled


def test_after_its_hours_a_study_begins_nothing_and_trials_stop_at_their_next_rung(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, trials=4, timeout_hours=1.0)
    first = searcher.ask()
    assert first is not None
    assert searcher.report(0, rung(searcher, 0)) is Decision.GO_ON
    now = time.monotonic()
    monkeypatch.setattr("search.deadline.time.monotonic", lambda: now + 3601)
    assert searcher.ask() is None
    assert searcher.report(0, rung(searcher, 1)) is Decision.PAUSE
    monkeypatch.undo()
    assert records(storage)[0].state is TrialState.RUNNING
    found = run(corpus, tmp_path, storage, trials=4)
    assert [record.number for record in found] == [0, 1, 2, 3]
    assert found[0].rungs[:2] == (rung(searcher, 0), rung(searcher, 1))


def test_a_resumed_study_does_not_repeat_itself(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    run(corpus, tmp_path, storage, trials=8, randomized_share=0.0, sampler="random")
    found = run(corpus, tmp_path, storage, trials=16, randomized_share=0.0, sampler="random")
    assert len({record.config.stages[0].learning_rate for record in found}) == 16


def test_more_trials_can_be_asked_for_later(corpus: Corpus, tmp_path: Path) -> None:
    storage = InMemoryStorage()
    before = run(corpus, tmp_path, storage, trials=6)
    after = run(corpus, tmp_path, storage, trials=10)
    assert after[:6] == before
    assert len(after) == 10
