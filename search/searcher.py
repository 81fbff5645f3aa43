"""The bridge's inner half: asks Optuna for trials, stores every rung, tells the true end of every trial."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from objectives.base import Rung
from search import records
from search.arms import PROPENSITY_OF_A_TEXT, BalancedCoins, wants_randomised
from search.pruning import build_pruner
from search.samplers import build_sampler
from search.spec import SearchSpec
from spaces import Space, TrialConfig
from spaces.trial import fingerprint


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial to run."""

    number: int
    config: TrialConfig


class Decision(Enum):
    """What a runner does after a rung."""

    GO_ON = "go on"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a trial, for whoever watches."""

    number: int
    kind: str
    """`started`, `rung` or `finished`."""
    rung: Rung | None = None
    state: TrialState | None = None


class StudySearcher:
    """All reads and writes of the study database during a run, for any runner; one thread at a time."""

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        space: Space,
        spec: SearchSpec,
        rungs: tuple[int, ...],
        seed: int,
        watch: Callable[[Event], None] = lambda _: None,
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
        """
        self._storage = storage
        self._space = space
        self._spec = spec
        self._rungs = rungs
        self._seed = seed
        self._watch = watch
        self._study = optuna.load_study(
            study_name=name, storage=storage, pruner=build_pruner(spec.pruner, rungs, spec.reduction)
        )
        self._study.sampler = build_sampler(spec.sampler, seed, len(self._study.trials))
        self._study_id = storage.get_study_id_from_name(name)
        self._coins = BalancedCoins(len(space.text_parameters), seed)
        self._orphans = [t.number for t in self._trials(TrialState.RUNNING) if records.CONFIG in t.user_attrs]
        self._clear_unusable()
        self._alike: list[str] = []  # kinds of the failures in a row, in this run
        self.stop_reason = ""
        """Why the study stopped before its last trial; empty where it did not."""

    @property
    def rungs(self) -> tuple[int, ...]:
        """Cumulative tokens at which every trial reports."""
        return self._rungs

    @property
    def remaining(self) -> int:
        """Trials that are neither finished nor running."""
        return max(0, self._spec.trials - len(self._started()))

    @property
    def unfinished(self) -> int:
        """Trials still to finish, running ones included."""
        return self.remaining + len(self._trials(TrialState.RUNNING))

    def ask(self) -> Assignment | None:
        """The next trial to run, or None where the study has all its trials.

        Trials that a driver left behind come first, under their numbers and with their configurations.
        """
        if self.stop_reason:
            return None
        while self._orphans:
            number = self._orphans.pop(0)
            self._watch(Event(number, "started"))
            trial = self._trial(number)
            if self._rungs[-1] not in trial.intermediate_values:
                return Assignment(number, TrialConfig.from_dict(trial.user_attrs[records.CONFIG]))
            for index in range(len(self._rungs)):
                self._watch(Event(number, "rung", rung=records.read_rung(trial, index)))
            self._finish(number, TrialState.COMPLETE, trial.intermediate_values[self._rungs[-1]])
        if not self.remaining:
            return None
        number, config = self._new_trial()
        self._watch(Event(number, "started"))
        return Assignment(number, config)

    def report(self, number: int, rung: Rung) -> Decision:
        """Store a rung and decide; at the last rung, or when pruned, the trial is told to the study."""
        if not math.isfinite(rung.score):
            self.fail(number, f"The score at {rung.tokens} tokens is {rung.score}, not a number to compare.")
            return Decision.STOP
        trial_id = self._id(number)
        trial = self._trial(number)
        if rung.tokens not in trial.intermediate_values:
            self._storage.set_trial_user_attr(trial_id, *records.rung_attribute(rung))
            self._storage.set_trial_intermediate_value(trial_id, rung.tokens, rung.score)
            if rung.index == 0 and "base" not in self._study.user_attrs:
                self._study.set_user_attr("base", rung.base)
        self._watch(Event(number, "rung", rung=rung))
        if rung.tokens <= trial.user_attrs.get(records.SURVIVED, 0):
            return Decision.GO_ON  # decided before the trial was cut off
        if rung.tokens >= self._rungs[-1]:
            self._finish(number, TrialState.COMPLETE, rung.score)
            return Decision.STOP
        if self._prunes(number):
            self._finish(number, TrialState.PRUNED)
            return Decision.STOP
        self._storage.set_trial_user_attr(trial_id, records.SURVIVED, rung.tokens)
        return Decision.GO_ON

    def fail(self, number: int, reason: str) -> None:
        """Tell a trial as failed, with its reason; after too many alike in a row, stop the study."""
        self._storage.set_trial_user_attr(self._id(number), records.ERROR, reason)
        self._finish(number, TrialState.FAIL)
        kind = _NUMBERS.sub("#", reason)
        self._alike = [*self._alike, kind] if kind in self._alike else [kind]
        if len(self._alike) >= self._spec.failures:
            self.stop_reason = f"{len(self._alike)} trials in a row failed for the same reason: {reason}"

    def _new_trial(self) -> tuple[int, TrialConfig]:
        if not self._trials(TrialState.WAITING):  # a driver may have died between queueing and asking
            fixed, attributes = self._next_arm()
            self._study.enqueue_trial(fixed, user_attrs=attributes)
        trial = self._study.ask(self._space.distributions)
        config = self._space.decode(trial.params, trial.user_attrs[records.SEED])
        trial.set_user_attr(records.CONFIG, config.to_dict())
        return trial.number, config

    def _next_arm(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fixed parameters and attributes of the next trial."""
        started = self._started()
        pairs: dict[int, list[FrozenTrial]] = {}
        for trial in started:
            if trial.user_attrs[records.ARM] == "randomised":
                pairs.setdefault(trial.user_attrs[records.PAIR], []).append(trial)
        halves = (members[0] for members in pairs.values() if len(members) == 1)
        single = next((half for half in halves if half.state is not TrialState.FAIL), None)
        if single is not None:
            opposite = {name: 1 - single.params[name] for name in self._space.text_parameters}
            copied = (records.ARM, records.PAIR, records.PROPENSITY, records.SEED)
            return {**single.params, **opposite}, {key: single.user_attrs[key] for key in copied}
        randomised = sum(len(members) for members in pairs.values())
        seed = int(fingerprint([self._seed, len(started)])[:8], 16)
        if not self._space.text_parameters or not wants_randomised(
            randomised, len(started) - randomised, self._spec.randomised
        ):
            return {}, {records.ARM: "guided", records.SEED: seed}
        coins = dict(zip(self._space.text_parameters, self._coins.draw(len(pairs)), strict=True))
        return coins, {
            records.ARM: "randomised",
            records.PAIR: len(pairs),
            records.PROPENSITY: PROPENSITY_OF_A_TEXT,
            records.SEED: seed,
        }

    def _prunes(self, number: int) -> bool:
        """Whether the trial is stopped here.

        A randomised trial is never stopped, but the pruner sees it, as a rival of the guided ones, until it
        would have stopped it: from there on it must not count as promoted.
        """
        trial = self._trial(number)
        if trial.user_attrs.get(records.STOPPED_BY_PRUNER) is not None:
            return False
        stop = self._study.pruner.prune(self._study, trial)
        if stop and trial.user_attrs[records.ARM] == "randomised":
            self._storage.set_trial_user_attr(self._id(number), records.STOPPED_BY_PRUNER, trial.last_step)
            return False
        return stop

    def _finish(self, number: int, state: TrialState, value: float | None = None) -> None:
        self._study.tell(number, value, state)
        if state is not TrialState.FAIL:
            self._alike = []
        self._watch(Event(number, "finished", state=state))

    def _started(self) -> list[FrozenTrial]:
        return [t for t in self._trials(TrialState.RUNNING, *_FINISHED) if records.CONFIG in t.user_attrs]

    def _clear_unusable(self) -> None:
        """Fail trials that a driver died on while it was making them: they have no configuration."""
        for trial in self._trials(TrialState.RUNNING):
            if records.CONFIG not in trial.user_attrs:
                self._study.tell(trial.number, state=TrialState.FAIL)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states)  # finished ones come from a cache

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._id(number))


_NUMBERS = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\b(?=\w*\d)[0-9a-f]{8,}\b|\d[\d.,]*(e[-+]?\d+)?"
)
"""What differs between failures of one kind: identifiers, addresses, figures, the trial's number in a path."""
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
