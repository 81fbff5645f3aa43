"""The contract of the runners, on a real database, with and without a real Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from search.artifacts import Artifacts
from search.events import Event
from search.ray.runner import RayRunner
from search.runner import LocalRunner, Runner
from search.storage.records import Arm, TrialRecord, read_record
from spaces import Corpus
from studies.storage.store import open_store
from tests.support.events import kinds_of
from tests.support.studies import fill_up, searcher_on, synthetic_factory
from tests.support.traced import TracedFactory

WORKERS = 2
TRIALS = 30
FAILING = frozenset({4, 9})

RUNNERS: dict[str, Callable[[Path], Runner]] = {
    "local": lambda scratch: LocalRunner(),
    "ray": lambda scratch: RayRunner(scratch, workers=WORKERS),
}


@dataclass(frozen=True)
class Ran:
    """A study after its run."""

    records: list[TrialRecord]
    events: list[Event]
    folder: Path
    stop_reason: str

    def traces(self) -> list[tuple[int, int]]:
        """Process, and how many trials it had begun, for every visit of a trial."""
        lines = [line for path in sorted(self.folder.glob("trial-*/visits")) for line in path.read_text().splitlines()]
        return [(int(process), int(begun)) for process, begun, *_ in map(str.split, lines)]

    def visits(self, number: int) -> list[int]:
        """Processes that ran the trial."""
        lines = (self.folder / f"trial-{number:04d}" / "visits").read_text().splitlines()
        return [int(line.split()[0]) for line in lines]

    def told(self, number: int) -> list[int]:
        """Rungs that the trial told, in order."""
        return [int(line) for line in (self.folder / f"trial-{number:04d}" / "told").read_text().split()]


def run(
    runner: Runner,
    corpus: Corpus,
    folder: Path,
    *,
    trials: int = TRIALS,
    seconds: float = 0.0,
    retries: int = 2,
    **traced: frozenset[int],
) -> Ran:
    store = open_store(f"sqlite:///{folder / 'study.db'}")
    events: list[Event] = []
    searcher = searcher_on(
        corpus, store.storage, trials=trials, watch=events.append, retries=retries, randomized_settings="drawn"
    )
    factory = TracedFactory(synthetic_factory(corpus, noise=0.02, seconds=seconds), **traced)
    runner.run(searcher, factory, Artifacts(folder / "artifacts"))
    found = (read_record(trial) for trial in store.open_study("study").trials)
    records = [record for record in found if record is not None]
    return Ran(records, events, folder / "artifacts", searcher.stop_reason)


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.ray] if name == "ray" else []) for name in RUNNERS]
)
def ran(request: pytest.FixtureRequest, imagined: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp(request.param)
    return run(RUNNERS[request.param](folder / "ray"), imagined, folder, failing=FAILING)


def test_every_trial_ends_in_a_true_state(ran: Ran) -> None:
    assert [record.number for record in ran.records] == list(range(TRIALS))
    assert ran.stop_reason == ""
    for record in ran.records:
        tokens = [rung.tokens for rung in record.rungs]
        if record.number in FAILING:
            assert record.state is TrialState.FAIL
            assert record.error == f"MixtuneError: trial {record.number} was told to fail"
            assert tokens == [300]
        elif record.state is TrialState.PRUNED:
            assert record.arm is Arm.GUIDED
            assert 1 <= len(tokens) < 3
        else:
            assert record.state is TrialState.COMPLETE
            assert tokens == [300, 600, 900]
            assert len(record.rungs[-1].items) == 20


def test_weak_trials_are_pruned(ran: Ran) -> None:
    assert sum(record.state is TrialState.PRUNED for record in ran.records) >= 2


def test_the_watcher_hears_of_starts_rungs_and_ends(ran: Ran) -> None:
    for record in ran.records:
        kinds = kinds_of(ran.events, record.number)
        assert kinds == ["started", *["rung"] * len(record.rungs), "finished"]


def test_every_trial_has_its_own_folder(ran: Ran) -> None:
    assert len(ran.traces()) == TRIALS


def test_workers_are_reused(ran: Ran) -> None:
    """A trial that fails does not cost its worker either."""
    processes = {process for process, _ in ran.traces()}
    assert len(processes) <= WORKERS
    for process in processes:
        counts = sorted(begun for where, begun in ran.traces() if where == process)
        assert counts == list(range(1, len(counts) + 1)), "one objective served all trials of the process"


@pytest.mark.ray
def test_a_trial_whose_worker_is_killed_goes_on_elsewhere(imagined: Corpus, tmp_path: Path) -> None:
    """The other trials wait until it has gone on: one that ends before hands its worker on, and Tune gives up the
    worker that is starting.
    """
    runner = RayRunner(tmp_path / "ray", workers=WORKERS)
    found = run(runner, imagined, tmp_path, trials=10, dying=frozenset({2}))
    assert {record.state for record in found.records} <= {TrialState.COMPLETE, TrialState.PRUNED}
    (first, second), *others = (found.visits(number) for number in (2, *range(3, 10)))
    assert first != second, "another process took the trial over"
    assert all(len(visits) == 1 for visits in others), "the other trials were not disturbed"
    assert found.told(2) == [0, 1, 2], "it went on from the rung that the dead worker had kept"
    assert [rung.tokens for rung in found.records[2].rungs] == [300, 600, 900]
    processes = {process for number in range(10) for process in found.visits(number)}
    assert len(processes) == WORKERS + 1, "no other worker was lost"


@pytest.mark.ray
def test_a_trial_that_kills_every_worker_fails_alone(imagined: Corpus, tmp_path: Path) -> None:
    runner = RayRunner(tmp_path / "ray", workers=WORKERS)
    found = run(runner, imagined, tmp_path, trials=5, retries=1, deadly=frozenset({2}))
    states = [record.state for record in found.records]
    assert states[2] is TrialState.FAIL
    assert "died" in found.records[2].error
    assert found.records[2].error.endswith("(the trial's worker died 2 times)")
    assert len(found.records[2].error) < 300
    assert [rung.tokens for rung in found.records[2].rungs] == [300], "what it had reported is kept"
    assert all(state in {TrialState.COMPLETE, TrialState.PRUNED} for state in states[:2] + states[3:])


@pytest.mark.ray
def test_a_trial_that_takes_all_memory_fails_alone(
    imagined: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray is told that memory is short as soon as four gigabytes more than now are in use; other tests need some."""
    memory = psutil.virtual_memory()
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{1 - (memory.available - (4 << 30)) / memory.total:.3f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    found = run(RayRunner(tmp_path / "ray", workers=1), imagined, tmp_path, trials=4, retries=1, hungry=frozenset({1}))
    states = [record.state for record in found.records]
    assert states[1] is TrialState.FAIL
    assert "low on memory" in found.records[1].error
    assert all(state in {TrialState.COMPLETE, TrialState.PRUNED} for state in (states[0], *states[2:]))


@pytest.mark.ray
def test_an_error_of_the_database_reaches_the_caller_as_it_is(imagined: Corpus, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'study.db'}")
    searcher = searcher_on(imagined, store.storage, trials=30)
    fill_up(store.storage, spare_pages=4)
    with pytest.raises(StorageInternalError):
        RayRunner(tmp_path / "ray", workers=WORKERS).run(
            searcher, synthetic_factory(imagined), Artifacts(tmp_path / "artifacts")
        )


@pytest.mark.ray
def test_failures_alike_stop_the_study(imagined: Corpus, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'study.db'}")
    searcher = searcher_on(imagined, store.storage, trials=30)
    RayRunner(tmp_path / "ray", workers=WORKERS).run(
        searcher, synthetic_factory(imagined, failures=1.0), Artifacts(tmp_path / "artifacts")
    )
    assert "trials in a row failed for the same reason: MixtuneError: The synthetic" in searcher.stop_reason
    assert len(store.open_study("study").trials) <= 3 + WORKERS, "no others were begun, only those under way ended"
    assert not [t for t in store.open_study("study").trials if t.state is TrialState.RUNNING]
