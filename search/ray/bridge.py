"""Driver side of the bridge to Ray Tune: a search algorithm and a scheduler that delegate to the study's searcher."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from ray.exceptions import RayTaskError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from objectives.base import Rung
from search.assignment import Assignment, reason
from search.ray.ray_compat import could_not_start, error_of
from search.ray.worker import FAILURE, NUMBER, RUNG, SPLIT, TRIAL, UNABLE
from search.runner import WorkerStartError
from search.searcher import Decision, StudySearcher

_PATIENCE = 0.05
"""Seconds that Tune waits for a trial while others run; a slower sampler continues in its thread."""
_ASK_AGAIN = 2.0
"""Seconds until a searcher without a trial is asked again, because a trial may have been abandoned by then."""


class Guarded:
    """Proxy of the searcher that stores the first error of its calls, because Tune passes on errors only as text."""

    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher
        self.fault: Exception | None = None
        self._any_rung = False  # whether a worker has reported a rung in this run

    def ask(self) -> Assignment | None:
        with self._store_fault():
            return self._searcher.ask()

    def report(self, number: int, rung: Rung) -> Decision:
        self._any_rung = True
        with self._store_fault():
            return self._searcher.report(number, rung)

    def fail(self, number: int, reason: str) -> None:
        with self._store_fault():
            self._searcher.fail(number, reason)

    def lost(self, number: int, reason: str) -> None:
        with self._store_fault():
            self._searcher.lost(number, reason)

    def unable(self, number: int, cause: str) -> None:
        """Handle a worker that cannot run trials: end the run if no worker has reported a rung yet.

        All workers would then fail in the same way. Later, only that worker or its machine is broken, and the trial
        resumes on another one.
        """
        if self._any_rung:
            self.lost(number, f"A worker cannot start: {cause}")
            return
        self.fault = self.fault or WorkerStartError(f"{cause.rstrip('.')}.")
        raise self.fault

    @contextmanager
    def _store_fault(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.fault = self.fault or error
            raise


class TuneSearcher(Searcher):  # type: ignore[misc]
    """Tune search algorithm that suggests the searcher's trials; results arrive through the scheduler.

    The sampler runs in its own thread, so that results are processed in the meantime.
    """

    def __init__(self, searcher: Guarded) -> None:
        super().__init__()
        self._searcher = searcher
        self._thread = ThreadPoolExecutor(1, "mixtune-ask")
        self._pending: Future[Assignment | None] | None = None
        self._pending_idle = False  # whether nothing ran when the pending request was submitted
        self._running: set[str] = set()
        self._not_before = 0.0

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a trial, None if there is none now, or FINISHED if there was none while no trial was running.

        A request that was submitted while trials ran cannot end the run, because a trial may have been lost since.
        """
        while True:
            if self._pending is None:
                if self._running and time.monotonic() < self._not_before:
                    return None
                self._pending_idle = not self._running
                self._pending = self._thread.submit(self._searcher.ask)
            if not wait([self._pending], timeout=_PATIENCE if self._running else None).done:
                return None
            assignment, self._pending = self._pending.result(), None
            if assignment is not None:
                break
            if self._running:
                self._not_before = time.monotonic() + _ASK_AGAIN
                return None
            if self._pending_idle:
                return str(Searcher.FINISHED)
        self._running.add(trial_id)
        return {NUMBER: assignment.number, TRIAL: assignment.config.to_dict(), SPLIT: assignment.split}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Note that a worker is free; the scheduler has already stored the result."""
        self._running.discard(trial_id)
        self._not_before = 0.0

    def close(self) -> None:
        """Wait for the sampler's thread to end."""
        self._thread.shutdown()

    def save(self, checkpoint_path: str) -> None:
        """Do nothing, because all state is in the database."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing, because all state is in the database."""


class DatabaseScheduler(FIFOScheduler):  # type: ignore[misc]
    """Tune scheduler that passes every result to the searcher and applies the searcher's decision.

    A trial never reports itself as done, because Tune would then skip the scheduler for the last result.
    """

    def __init__(self, searcher: Guarded) -> None:
        super().__init__()
        self._searcher = searcher

    def on_trial_result(self, tune_controller: object, trial: Trial, result: dict[str, Any]) -> str:
        number = trial.config[NUMBER]
        if UNABLE in result:
            self._searcher.unable(number, result[UNABLE])
            return str(self.STOP)
        if FAILURE in result:
            self._searcher.fail(number, result[FAILURE])
            return str(self.STOP)
        decision = self._searcher.report(number, result[RUNG])
        return str(self.CONTINUE if decision is Decision.GO_ON else self.STOP)

    def on_trial_error(self, tune_controller: object, trial: Trial) -> None:
        """Handle the death of a worker or its machine, or an error within Tune."""
        number = trial.config[NUMBER]
        error, lines = error_of(trial)
        if could_not_start(lines):
            self._searcher.unable(number, lines[-1])
            return
        if isinstance(error, RayTaskError):
            self._searcher.fail(number, reason(error.cause))
        else:
            self._searcher.lost(number, f"The worker died: {lines[0].split('. ')[0].rstrip(' .:')}")
