"""The bridge's inner half: asks Optuna for trials, stores every rung, tells the true end of every trial."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from objectives.base import Rung
from search import records
from search.arms import Arms, Planner
from search.designs import design_of
from search.drawing import draw
from search.drivers import Driver, LoneDriver
from search.events import Event, RungTold, TrialFinished, TrialLost, TrialStarted
from search.failures import FailuresInARow
from search.goals import FirstGoal, sampled, values
from search.ledger import Ledger
from search.prior import imagined, with_prior
from search.pruners import build_pruner
from search.samplers import build_sampler
from search.spec import SearchSpec
from search.threads import on_one_thread
from spaces import Space, TrialConfig


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial to run."""

    number: int
    config: TrialConfig


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
        storage: BaseStorage,
        name: str,
        space: Space,
        spec: SearchSpec,
        rungs: tuple[int, ...],
        seed: int,
        watch: Callable[[Event], None] = lambda _: None,
        driver: Driver | None = None,
        planner: Planner | None = None,
    ) -> None:
        """Open an existing Optuna study for searching.

        Args:
            storage: the database.
            name: of the study in it.
            space: what to search.
            spec: how.
            rungs: cumulative tokens at which every trial reports.
            seed: of the study.
            watch: hears of everything that happens.
            driver: who searches; None where nobody else can.
            planner: decides what trials are about; None for the two arms of a search.
        """
        self._space = space
        self._distributions = space.distributions
        self._ledger = Ledger(storage, name, self._distributions)
        self._spec = spec
        self._rungs = rungs
        self._watch = watch
        self._driver = driver or LoneDriver()
        self._planner = planner or Arms(design_of(space, seed), spec.randomised, seed)
        self._pruner = build_pruner(spec.pruner, rungs, spec.reduction)
        others = len(self._driver.living()) - 1
        self._sampler = build_sampler(spec.sampling, seed, len(self._ledger.trials()), others)
        self._view = sampled(spec.sampling, spec.second)
        if spec.prior:
            self._view = with_prior(spec.sampling, imagined(space, spec.prior, seed))
        self._under_way: set[int] = set()
        self._claims = threading.Lock()  # what is under way changes together with the database
        self._when_ended: Callable[[int], None] = lambda _: None
        self._failures = FailuresInARow(spec.failures)
        for number in self._ledger.foreign():
            self._study().tell(number, state=TrialState.FAIL)
        self._deadline = time.monotonic() + spec.hours * 3600 if spec.hours is not None else math.inf

    @property
    def rungs(self) -> tuple[int, ...]:
        """Cumulative tokens at which every trial reports."""
        return self._rungs

    @property
    def remaining(self) -> int:
        """Trials that no driver has begun."""
        return max(0, self._spec.trials - len(self._ledger.trials()))

    @property
    def unfinished(self) -> int:
        """Trials still to finish, running ones included."""
        return self.remaining + len(self._ledger.trials(TrialState.RUNNING))

    @property
    def stop_reason(self) -> str:
        """Why the study stopped before its last trial; empty where it did not."""
        return self._failures.verdict

    @property
    def out_of_time(self) -> bool:
        """Whether the hours of this run are over."""
        return time.monotonic() >= self._deadline

    def when_ended(self, settle: Callable[[int], None]) -> None:
        """Call `settle` with the number of each trial that has ended, or that has to start anew."""
        self._when_ended = settle

    def ask(self) -> Assignment | None:
        """The next trial to run, or None where there is none now.

        Trials that a dead worker or a dead driver left behind come first, under their numbers and with their
        configurations.

        Raises:
            InputError: another driver has taken over.
        """
        while not (self.stop_reason or self.out_of_time):
            with self._driver.alone():
                trial = self._left_behind() or self._new_trial()
                if trial is None:
                    return None
                config = self._configured(trial)
            self._watch(TrialStarted(trial.number))
            for index in range(len(trial.intermediate_values)):
                if (told := records.read_rung(trial, index)) is not None:
                    self._watch(RungTold(trial.number, told))
            last = records.read_rung(trial, len(self._rungs) - 1)
            if last is None or self._rungs[-1] not in trial.intermediate_values:
                return Assignment(trial.number, config)
            self._finish(trial.number, TrialState.COMPLETE, last)
        return None

    def report(self, number: int, rung: Rung) -> Decision:
        """Store a rung and decide; at the last rung, or when pruned, the trial is told to the study.

        A trial that goes on after a break tells rungs again; what was stored and decided before stands.
        """
        trial = self._ledger.trial(number)
        if not self._is_mine(trial):
            return Decision.PAUSE
        if rung.index > len(trial.intermediate_values):
            self._when_ended(number)  # without its state the trial starts anew
            self.lost(number, "The database lacks rungs that the trial has told (a power cut, a backup brought back).")
            return Decision.PAUSE
        if not math.isfinite(rung.score):
            self.fail(number, f"The score at {rung.tokens} tokens is {rung.score}, not a number to compare.")
            return Decision.STOP
        decision = Decision.PAUSE
        with self._unless_taken(number):
            if rung.tokens not in trial.intermediate_values:
                self._ledger.store_rung(number, rung)
                self._watch(RungTold(number, rung))
            decision = self._decide(number, rung, trial.user_attrs.get(records.SURVIVED, 0))
        return Decision.PAUSE if decision is Decision.GO_ON and self.out_of_time else decision

    def fail(self, number: int, reason: str) -> None:
        """Tell a trial as failed, with its reason; after too many alike in a row, stop the study."""
        if self._is_mine(self._ledger.trial(number)):
            with self._unless_taken(number):
                self._ledger.note(number, records.ERROR, reason)
                self._finish(number, TrialState.FAIL)
            self._failures.add(reason)

    def lost(self, number: int, reason: str) -> None:
        """A trial cannot go on where it was: it is handed out again, unless that has happened too often."""
        trial = self._ledger.trial(number)
        if not self._is_mine(trial):
            return
        times = trial.user_attrs.get(records.LOST, 0) + 1
        if times > self._spec.retries:
            self.fail(number, reason if times == 1 else f"{reason} (the trial's worker died {times} times)")
            return
        with self._unless_taken(number), self._claims:
            self._ledger.note(number, records.LOST, times)
            self._under_way.discard(number)
        self._watch(TrialLost(number))

    def _left_behind(self) -> FrozenTrial | None:
        """A trial that nobody runs any more, now this driver's own."""
        living = self._driver.living()
        with self._claims:
            for trial in self._ledger.trials(TrialState.RUNNING):
                owner = trial.user_attrs.get(records.DRIVER)
                if trial.number not in self._under_way and (owner == self._driver.id or owner not in living):
                    self._under_way.add(trial.number)
                    self._ledger.note(trial.number, records.DRIVER, self._driver.id)
                    return trial
        return None

    def _new_trial(self) -> FrozenTrial | None:
        """A trial with its coins tossed, made in one transaction; None where the study has all its trials."""
        started = self._ledger.trials()
        plan = self._planner.next(started) if len(started) < self._spec.trials else None
        if plan is None:
            return None
        made = self._ledger.create(plan, self._driver.id)
        self._under_way.add(made.number)
        return made

    def _configured(self, trial: FrozenTrial) -> TrialConfig:
        """The trial's configuration, drawn where a driver had no time for it."""
        if records.CONFIG in trial.user_attrs:
            return TrialConfig.from_dict(trial.user_attrs[records.CONFIG])
        view = self._ledger.study(self._sampler, self._pruner, self._view)
        with on_one_thread():
            drawn = draw(view, trial, self._distributions)
        params = {**trial.params, **drawn}
        self._ledger.set_params(trial.number, drawn)
        if idle := sorted(self._space.idle(params)):
            self._ledger.note(trial.number, records.IDLE, idle)
        config = self._space.decode(params, trial.user_attrs[records.SEED])
        self._ledger.note(trial.number, records.CONFIG, config.to_dict())
        return config

    def _decide(self, number: int, rung: Rung, survived: int) -> Decision:
        if rung.tokens <= survived:
            return Decision.GO_ON
        if rung.tokens >= self._rungs[-1]:
            self._finish(number, TrialState.COMPLETE, rung)
            return Decision.STOP
        if self._prunes(number):
            self._finish(number, TrialState.PRUNED)
            return Decision.STOP
        self._ledger.note(number, records.SURVIVED, rung.tokens)
        return Decision.GO_ON

    def _prunes(self, number: int) -> bool:
        """Whether the trial is stopped here.

        A randomised trial is never stopped, but the pruner sees it, as a rival of the guided ones, until it
        would have stopped it: from there on it must not count as promoted.
        """
        trial = self._ledger.trial(number)
        if trial.user_attrs.get(records.STOPPED_BY_PRUNER) is not None:
            return False
        stop = self._pruner.prune(self._ledger.study(self._sampler, self._pruner, FirstGoal), trial)
        if stop and trial.user_attrs[records.ARM] == "randomised":
            self._ledger.note(number, records.STOPPED_BY_PRUNER, trial.last_step)
            return False
        return stop

    def _finish(self, number: int, state: TrialState, last: Rung | None = None) -> None:
        """Tell a trial's end; `last`: the rung that a complete one ended with."""
        with self._claims:
            told = values(last, self._spec.second) if last is not None else None
            self._study().tell(number, told, state, skip_if_finished=True)
            self._under_way.discard(number)
        self._when_ended(number)
        if state is not TrialState.FAIL:
            self._failures.clear()
        self._watch(TrialFinished(number, state))

    @contextmanager
    def _unless_taken(self, number: int) -> Iterator[None]:
        """Stop writing to a trial that another driver took over, and ended, since it was looked at."""
        try:
            yield
        except UpdateFinishedTrialError:
            self._under_way.discard(number)

    def _is_mine(self, trial: FrozenTrial) -> bool:
        """Whether this driver may still write to the trial: another may have taken it over, and even ended it."""
        mine = not trial.state.is_finished() and trial.user_attrs.get(records.DRIVER) == self._driver.id
        if not mine:
            self._under_way.discard(trial.number)
        return mine

    def _study(self) -> optuna.Study:
        return self._ledger.study(self._sampler, self._pruner)
