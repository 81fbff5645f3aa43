"""The log of a driver: it stores what happens to trials, and tells whoever watches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from objectives.base import Rung
from search.events import Event, RungTold, TrialFinished, TrialLost, TrialStarted
from search.secondary import values
from search.storage import records
from search.storage.drivers import Driver
from search.storage.ledger import Ledger
from search.storage.records import Plan


class TrialLog:
    """Trials that this driver runs, or may take over from a dead one; whoever watches hears of every change."""

    def __init__(
        self,
        ledger: Ledger,
        driver: Driver,
        watch: Callable[[Event], None],
        second: str | None = None,
    ) -> None:
        """Say whose log it is.

        Args:
            ledger: the trials in the database.
            driver: who runs trials.
            watch: hears of everything that happens.
            second: name of the secondary objective, whose value a complete trial has beside its score.
        """
        self.driver = driver
        self._ledger = ledger
        self._watch = watch
        self._second = second
        self._under_way: set[int] = set()
        self._claims = threading.Lock()  # what is under way changes together with the database
        self.when_ended: Callable[[int], None] = lambda _: None
        """Called with the number of each trial that has ended, or that has to start anew."""

    @property
    def running(self) -> int:
        """Trials that have begun and not ended, those of other drivers included."""
        return len(self._ledger.trials(TrialState.RUNNING))

    def end_foreign(self) -> None:
        """End the running trials that this program did not make: nobody would."""
        for number in self._ledger.foreign():
            self._tell(number, TrialState.FAIL)

    def begin(self, plan: Plan) -> FrozenTrial:
        """Make a trial for this driver to run."""
        made = self._ledger.create(plan, self.driver.id)
        self._under_way.add(made.number)
        return made

    def left_behind(self) -> FrozenTrial | None:
        """A trial that nobody runs any more, now this driver's own."""
        alive_ids = self.driver.alive_ids()
        with self._claims:
            for trial in self._ledger.trials(TrialState.RUNNING):
                owner = trial.user_attrs.get(records.DRIVER)
                if trial.number not in self._under_way and (owner == self.driver.id or owner not in alive_ids):
                    self._under_way.add(trial.number)
                    self._ledger.note(trial.number, records.DRIVER, self.driver.id)
                    return trial
        return None

    def announce(self, trial: FrozenTrial) -> None:
        """Tell that a trial starts, with the rungs that it has from before a break."""
        self._watch(TrialStarted(trial.number))
        for index in range(len(trial.intermediate_values)):
            if (told := records.read_rung(trial, index)) is not None:
                self._watch(RungTold(trial.number, told))

    def mine(self, number: int) -> FrozenTrial | None:
        """A trial to which this driver may still write; None where another has taken it over, or even ended it."""
        trial = self._ledger.trial(number)
        if not trial.state.is_finished() and trial.user_attrs.get(records.DRIVER) == self.driver.id:
            return trial
        self._under_way.discard(number)
        return None

    @contextmanager
    def unless_taken(self, number: int) -> Iterator[None]:
        """Stop writing to a trial that another driver took over, and ended, since it was looked at."""
        try:
            yield
        except UpdateFinishedTrialError:
            self._under_way.discard(number)

    def store_rung(self, number: int, rung: Rung) -> None:
        """Store a rung and tell it."""
        self._ledger.store_rung(number, rung)
        self._watch(RungTold(number, rung))

    def store_survival(self, number: int, tokens: int) -> None:
        """Store that a trial goes on from a rung."""
        self._ledger.note(number, records.SURVIVED, tokens)

    def give_up(self, number: int, times: int) -> None:
        """Let a trial go whose worker was lost so many times: it is left behind for whoever asks next."""
        with self.unless_taken(number), self._claims:
            self._ledger.note(number, records.LOST, times)
            self._under_way.discard(number)
        self._watch(TrialLost(number))

    def fail(self, number: int, reason: str) -> None:
        """End a trial as failed, with its reason."""
        self._ledger.note(number, records.ERROR, reason)
        self.finish(number, TrialState.FAIL)

    def finish(self, number: int, state: TrialState, last: Rung | None = None) -> None:
        """End a trial; `last`: the rung that a complete one ended with."""
        with self._claims:
            self._tell(number, state, last)
            self._under_way.discard(number)
        self.when_ended(number)
        self._watch(TrialFinished(number, state))

    def _tell(self, number: int, state: TrialState, last: Rung | None = None) -> None:
        told = values(last, self._second) if last is not None else None
        self._ledger.study().tell(number, told, state, skip_if_finished=True)
