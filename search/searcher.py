"""The bridge's inner half: hands out trials, stores every rung, tells the true end of every trial."""

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
    """Order to a runner after a rung: go on, stop, or pause."""

    GO_ON = "go on"
    STOP = "stop"
    """The trial has ended."""
    PAUSE = "pause"
    """The trial stops here and goes on elsewhere or later."""


class StudySearcher:
    """Decides what happens to trials, from the study database alone, for any runner.

    `ask` may run in one thread beside `report`, `fail` and `lost` in another.
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
        """Put the parts together; `search.opening` makes them.

        Args:
            log: what is stored of trials.
            queue: what comes next.
            judge: who goes on after a rung.
            rungs: cumulative tokens at which every trial reports.
            deadline: when no more trials are handed out, and those under way pause at their next rung.
            failures: alike in a row that stop the study.
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
        """Trials that no driver has begun."""
        return self._queue.remaining

    @property
    def unfinished(self) -> int:
        """Trials still to finish, running ones included."""
        return self.remaining + self._log.running

    @property
    def stop_reason(self) -> str:
        """Why the study stopped before its last trial; empty where it did not."""
        return self._failures.verdict

    @property
    def out_of_time(self) -> bool:
        """Whether the hours of this run are over."""
        return self._deadline.over

    def when_ended(self, cleanup: Callable[[int], None]) -> None:
        """Call `settle` with the number of each trial that has ended, or that has to start anew."""
        self._log.when_ended = cleanup

    def ask(self) -> Assignment | None:
        """The next trial to run, or None where there is none now.

        Trials that a dead worker or a dead driver left behind come first, under their numbers and with their
        configurations.

        Raises:
            InputError: another driver has taken over.
        """
        while not (self.stop_reason or self.out_of_time):
            with self._log.driver.exclusive():
                trial = self._log.left_behind() or self._new_trial()
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
        """Store a rung and decide; at the last rung, or when pruned, the trial is told to the study.

        A trial that goes on after a break tells rungs again; what was stored and decided before stands.
        """
        trial = self._log.mine(number)
        if trial is None:
            return Decision.PAUSE
        if rung.index > len(trial.intermediate_values):
            self._log.when_ended(number)  # without its state the trial starts anew
            self.lost(number, "The database lacks rungs that the trial has told (a power cut, a backup brought back).")
            return Decision.PAUSE
        if not math.isfinite(rung.score):
            self.fail(number, f"The score at {rung.tokens} tokens is {rung.score}, not a number to compare.")
            return Decision.STOP
        decision = Decision.PAUSE
        with self._log.unless_taken(number):
            if rung.tokens not in trial.intermediate_values:
                self._log.store_rung(number, rung)
            decision = self._decide(number, rung, trial.user_attrs.get(records.SURVIVED, 0))
        return Decision.PAUSE if decision is Decision.GO_ON and self.out_of_time else decision

    def fail(self, number: int, reason: str) -> None:
        """Tell a trial as failed, with its reason; after too many alike in a row, stop the study."""
        if self._log.mine(number) is not None:
            with self._log.unless_taken(number):
                self._log.fail(number, reason)
            self._failures.add(reason)

    def lost(self, number: int, reason: str) -> None:
        """A trial cannot go on where it was: it is handed out again, unless that has happened too often."""
        trial = self._log.mine(number)
        if trial is None:
            return
        times = trial.user_attrs.get(records.LOST, 0) + 1
        if times > self._retries:
            self.fail(number, reason if times == 1 else f"{reason} (the trial's worker died {times} times)")
            return
        self._log.give_up(number, times)

    def _new_trial(self) -> FrozenTrial | None:
        """A trial with what is planned for it, made in one transaction; None where the study has all its trials."""
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
        """End a trial well; `last`: the rung that a complete one ended with."""
        self._failures.clear()
        self._log.finish(number, state, last)
