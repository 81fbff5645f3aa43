"""Trial log of a driver, which stores the events of trials and notifies the watcher."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from objectives.base import Rung
from search.events import Event, RungReported, TrialFinished, TrialLost, TrialStarted
from search.secondary import values
from search.storage import records
from search.storage.drivers import Driver
from search.storage.ledger import Ledger
from search.storage.records import Plan


class TrialLog:
    """Log of the trials that this driver runs or takes over from a dead driver, with a notification of every change."""

    def __init__(
        self,
        ledger: Ledger,
        driver: Driver,
        watch: Callable[[Event], None],
        secondary: str | None = None,
    ) -> None:
        """Open the log.

        Args:
            ledger: the trials in the database.
            driver: the driver that runs the trials.
            watch: called with every event.
            secondary: name of the secondary objective, whose value a complete trial has in addition to its score.
        """
        self.driver = driver
        self._ledger = ledger
        self._watch = watch
        self._secondary = secondary
        self._running_here: set[int] = set()
        self._claims = threading.Lock()  # keeps `_running_here` consistent with the database
        self.when_ended: Callable[[int], None] = lambda _: None
        """Called with the number of each trial that has ended or must start again."""

    @property
    def running(self) -> int:
        """Number of running trials, including those of other drivers."""
        return len(self._ledger.trials(TrialState.RUNNING))

    def end_foreign(self) -> None:
        """Fail the running trials that mixtune did not create, since nothing else would end them."""
        for number in self._ledger.foreign():
            self._end(number, TrialState.FAIL)

    def begin(self, plan: Plan) -> FrozenTrial:
        """Create a trial for this driver to run."""
        trial = self._ledger.create(plan, self.driver.id)
        self._running_here.add(trial.number)
        return trial

    def adopt_abandoned(self) -> FrozenTrial | None:
        """Take over a trial that no driver runs any longer, and return that trial, or None if there is none."""
        alive_ids = self.driver.alive_ids()
        with self._claims:
            for trial in self._ledger.trials(TrialState.RUNNING):
                owner = trial.user_attrs.get(records.DRIVER)
                if trial.number not in self._running_here and (owner == self.driver.id or owner not in alive_ids):
                    self._running_here.add(trial.number)
                    self._ledger.note(trial.number, records.DRIVER, self.driver.id)
                    return trial
        return None

    def announce(self, trial: FrozenTrial) -> None:
        """Notify the watcher that a trial starts, and of the rungs that it reported before an interruption."""
        self._watch(TrialStarted(trial.number))
        for index in range(len(trial.intermediate_values)):
            if (rung := records.read_rung(trial, index)) is not None:
                self._watch(RungReported(trial.number, rung))

    def owned_trial(self, number: int) -> FrozenTrial | None:
        """Return a trial if this driver still owns it, or None if another driver has taken it over or it has ended."""
        trial = self._ledger.trial(number)
        if not trial.state.is_finished() and trial.user_attrs.get(records.DRIVER) == self.driver.id:
            return trial
        self._running_here.discard(number)
        return None

    @contextmanager
    def unless_taken(self, number: int) -> Iterator[None]:
        """Skip the rest of the block if another driver has taken over and ended the trial in the meantime."""
        try:
            yield
        except UpdateFinishedTrialError:
            self._running_here.discard(number)

    def store_rung(self, number: int, rung: Rung) -> None:
        """Store a rung and notify the watcher."""
        self._ledger.store_rung(number, rung)
        self._watch(RungReported(number, rung))

    def store_survival(self, number: int, tokens: int) -> None:
        """Store that a trial continues after the rung at `tokens`."""
        self._ledger.note(number, records.SURVIVED, tokens)

    def give_up(self, number: int, times: int) -> None:
        """Release a trial that has lost its worker, `times` times in total, so that any driver can take it over."""
        with self.unless_taken(number), self._claims:
            self._ledger.note(number, records.LOST, times)
            self._running_here.discard(number)
        self._watch(TrialLost(number))

    def fail(self, number: int, reason: str) -> None:
        """End a trial as failed, and store the reason."""
        self._ledger.note(number, records.ERROR, reason)
        self.finish(number, TrialState.FAIL)

    def finish(self, number: int, state: TrialState, last: Rung | None = None) -> None:
        """End a trial; `last` is the final rung of a complete trial."""
        with self._claims:
            self._end(number, state, last)
            self._running_here.discard(number)
        self.when_ended(number)
        self._watch(TrialFinished(number, state))

    def _end(self, number: int, state: TrialState, last: Rung | None = None) -> None:
        results = values(last, self._secondary) if last is not None else None
        self._ledger.study().tell(number, results, state, skip_if_finished=True)
