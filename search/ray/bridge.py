"""The driver's side of the bridge: what Tune asks of a search algorithm and a scheduler, passed on to our searcher."""

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
"""Seconds for which Tune waits for a trial while others run; a sampler that thinks longer goes on beside it."""
_ASK_AGAIN = 2.0
"""Seconds until a study that had no trial to give is asked again: one may be left behind by then."""


class Guarded:
    """Passes calls on to the searcher and keeps the error that one raised: Tune hands on errors as text only."""

    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher
        self.fault: Exception | None = None
        self._works = False  # whether a worker has told a rung in this run

    def ask(self) -> Assignment | None:
        with self._keeping():
            return self._searcher.ask()

    def report(self, number: int, rung: Rung) -> Decision:
        self._works = True
        with self._keeping():
            return self._searcher.report(number, rung)

    def fail(self, number: int, reason: str) -> None:
        with self._keeping():
            self._searcher.fail(number, reason)

    def lost(self, number: int, reason: str) -> None:
        with self._keeping():
            self._searcher.lost(number, reason)

    def unable(self, number: int, cause: str) -> None:
        """A worker can run no trial: the run ends where none has told a rung yet, because all would fail alike.

        Later it is one worker or machine of several, and the trial goes on elsewhere.
        """
        if self._works:
            self.lost(number, f"A worker cannot start: {cause}")
            return
        self.fault = self.fault or WorkerStartError(f"{cause.rstrip('.')}.")
        raise self.fault

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.fault = self.fault or error
            raise


class TuneSearcher(Searcher):  # type: ignore[misc]
    """Hands Tune the searcher's trials; results come in through the scheduler, which sees all of them.

    The sampler thinks in a thread of its own, so that results are taken in meanwhile.
    """

    def __init__(self, searcher: Guarded) -> None:
        super().__init__()
        self._searcher = searcher
        self._thread = ThreadPoolExecutor(1, "mixtune-ask")
        self._asked: Future[Assignment | None] | None = None
        self._asked_idle = False
        self._running: set[str] = set()
        self._not_before = 0.0

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A trial; None where there is none now; FINISHED where there was none while nothing ran.

        An answer to a question from before the last trial was lost says nothing about that trial.
        """
        while True:
            if self._asked is None:
                if self._running and time.monotonic() < self._not_before:
                    return None
                self._asked_idle = not self._running
                self._asked = self._thread.submit(self._searcher.ask)
            if not wait([self._asked], timeout=_PATIENCE if self._running else None).done:
                return None
            assignment, self._asked = self._asked.result(), None
            if assignment is not None:
                break
            if self._running:
                self._not_before = time.monotonic() + _ASK_AGAIN
                return None
            if self._asked_idle:
                return str(Searcher.FINISHED)
        self._running.add(trial_id)
        return {NUMBER: assignment.number, TRIAL: assignment.config.to_dict(), SPLIT: assignment.split}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Take note that a place is free; the scheduler has told the database already."""
        self._running.discard(trial_id)
        self._not_before = 0.0

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown()

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the database is the only truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing; see `save`."""


class DatabaseScheduler(FIFOScheduler):  # type: ignore[misc]
    """Passes every result to the searcher and does what it decides.

    A trial never reports itself as done: Tune would then skip the scheduler for the last result.
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
        """A worker or its machine died, or Tune itself met an error."""
        number = trial.config[NUMBER]
        error, lines = error_of(trial)
        if could_not_start(lines):
            self._searcher.unable(number, lines[-1])
            return
        if isinstance(error, RayTaskError):
            self._searcher.fail(number, reason(error.cause))
        else:
            self._searcher.lost(number, f"The worker died: {lines[0].split('. ')[0].rstrip(' .:')}")
