"""Searcher of a study: hands out trials, stores their rungs and decides when they end, for any runner."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

from optuna.trial import FrozenTrial, TrialState

from objectives.base import Rung
from search.assignment import Assignment
from search.deadline import Deadline
from search.failures import FailuresInARow
from search.judge import Judge
from search.log import TrialLog
from search.queue import Queue
from search.storage import records


class Decision(Enum):
    """Decision for a runner after a rung: continue, stop or pause the trial."""

    GO_ON = "go on"
    STOP = "stop"
    """The trial has ended."""
    PAUSE = "pause"
    """The trial stops here and resumes elsewhere or later."""


class StudySearcher:
    """Decides what happens to trials, based only on the study database, for any runner.

    `ask` may run in one thread while `report`, `fail` and `lost` run in another.
    """

    def __init__(
        self,
        log: TrialLog,
        queue: Queue,
        judge: Judge,
        rungs: tuple[int, ...],
        deadline: Deadline,
        *,
        failures: int,
        retries: int,
    ) -> None:
        """Store the parts, which `search.opening` builds.

        Args:
            log: log of the trials of this driver.
            queue: queue of new trials.
            judge: judge of whether a trial continues after a rung.
            rungs: training tokens, cumulative, at which every trial reports.
            deadline: time after which no trial is handed out and running ones pause at their next rung.
            failures: number of consecutive failures for the same reason that stops the study.
            retries: how often a trial whose worker died is handed out again.
        """
        self.rungs = rungs
        self._log = log
        self._queue = queue
        self._judge = judge
        self._deadline = deadline
        self._retries = retries
        self._failures = FailuresInARow(failures)

    @property
    def remaining(self) -> int:
        """Number of trials that no driver has started."""
        return self._queue.remaining

    @property
    def unfinished(self) -> int:
        """Number of trials left to finish, including running ones."""
        return self.remaining + self._log.running

    @property
    def stop_reason(self) -> str:
        """Reason why the study stopped before its last trial; empty if it did not."""
        return self._failures.verdict

    @property
    def out_of_time(self) -> bool:
        """Whether the time limit of this run has passed."""
        return self._deadline.over

    def when_ended(self, cleanup: Callable[[int], None]) -> None:
        """Register `cleanup` to be called with the number of each trial that has ended or must start again."""
        self._log.when_ended = cleanup

    def ask(self) -> Assignment | None:
        """Return the next trial to run, or None if there is none now.

        Trials abandoned by a dead worker or a dead driver come first, with their old numbers and configurations.

        Raises:
            InputError: another driver has taken over.
        """
        while not (self.stop_reason or self.out_of_time):
            with self._log.driver.exclusive():
                trial = self._log.adopt_abandoned() or self._new_trial()
                if trial is None:
                    return None
                config = self._queue.config(trial)
            self._log.announce(trial)
            last = records.read_rung(trial, len(self.rungs) - 1)
            if last is None or self.rungs[-1] not in trial.intermediate_values:
                return Assignment(trial.number, config, self._queue.split)
            self._finish(trial.number, TrialState.COMPLETE, last)
        return None

    def report(self, number: int, rung: Rung) -> Decision:
        """Store a rung and decide how the trial continues; at the last rung, or if pruned, the trial ends.

        A trial that resumes after an interruption reports its rungs again; earlier values and decisions stand.
        """
        trial = self._log.owned_trial(number)
        if trial is None:
            return Decision.PAUSE
        if rung.index > len(trial.intermediate_values):
            self._log.when_ended(number)  # without its state, the trial starts again
            self.lost(number, "The database lacks rungs that the trial reported (a power cut, or a restored backup).")
            return Decision.PAUSE
        if not math.isfinite(rung.score):
            self.fail(number, f"The score at {rung.tokens} tokens is {rung.score}, not a finite number.")
            return Decision.STOP
        decision = Decision.PAUSE
        with self._log.unless_taken(number):
            if rung.tokens not in trial.intermediate_values:
                self._log.store_rung(number, rung)
            decision = self._decide(number, rung, trial.user_attrs.get(records.SURVIVED, 0))
        return Decision.PAUSE if decision is Decision.GO_ON and self.out_of_time else decision

    def fail(self, number: int, reason: str) -> None:
        """End a trial as failed, with its reason; too many consecutive failures of one kind stop the study."""
        if self._log.owned_trial(number) is not None:
            with self._log.unless_taken(number):
                self._log.fail(number, reason)
            self._failures.add(reason)

    def lost(self, number: int, reason: str) -> None:
        """Queue a trial again that cannot continue on its worker, or fail it if that has happened too often."""
        trial = self._log.owned_trial(number)
        if trial is None:
            return
        times = trial.user_attrs.get(records.LOST, 0) + 1
        if times > self._retries:
            self.fail(number, reason if times == 1 else f"{reason} (the trial's worker died {times} times)")
            return
        self._log.give_up(number, times)

    def _new_trial(self) -> FrozenTrial | None:
        """Create the next planned trial in one transaction; None if the study has all its trials."""
        plan = self._queue.next()
        return self._log.begin(plan) if plan is not None else None

    def _decide(self, number: int, rung: Rung, survived: int) -> Decision:
        if rung.tokens <= survived:
            return Decision.GO_ON
        if rung.tokens >= self.rungs[-1]:
            self._finish(number, TrialState.COMPLETE, rung)
            return Decision.STOP
        if self._judge.stops(number):
            self._finish(number, TrialState.PRUNED)
            return Decision.STOP
        self._log.store_survival(number, rung.tokens)
        return Decision.GO_ON

    def _finish(self, number: int, state: TrialState, last: Rung | None = None) -> None:
        """End a trial that did not fail; `last` is the final rung of a complete trial."""
        self._failures.clear()
        self._log.finish(number, state, last)
