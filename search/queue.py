"""Queue of a search: a planner plans trials, and the sampler draws their remaining parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial

from search.arms import Planner
from search.drawing import draw
from search.secondary import View
from search.storage import records
from search.storage.ledger import Ledger
from search.storage.records import Plan
from search.threads import on_one_thread
from spaces import Space, TrialConfig
from spaces.dimensions.texts import PREFIX
from spaces.trial import Split

Decided = Callable[[Sequence[FrozenTrial]], bool]
"""Function of the trials of a study that returns whether the study needs no further ones."""


def never(_: Sequence[FrozenTrial]) -> bool:
    """Return that a study needs all of its trials."""
    return False


class Queue(Protocol):
    """Queue of the trials to run."""

    @property
    def split(self) -> Split:
        """Split of the questions that the trials are scored on."""
        ...

    @property
    def remaining(self) -> int:
        """Number of trials that no driver has started."""
        ...

    def next(self) -> Plan | None:
        """Return the plan of the next new trial, or None if there is none."""
        ...

    def config(self, trial: FrozenTrial) -> TrialConfig:
        """Return the configuration of a started trial, drawn and stored first if the trial does not have one yet."""
        ...


class SearchQueue:
    """Queue of the trials of a search: the planner plans each trial, and the sampler draws the other parameters."""

    split: Split = "search"

    def __init__(
        self, ledger: Ledger, space: Space, planner: Planner, view: View, trials: int, decided: Decided = never
    ) -> None:
        """Set how trials are chosen.

        Args:
            ledger: the trials in the database.
            space: the search space.
            planner: planner of new trials, called before the sampler.
            view: the study as shown to the sampler, which draws the parameters that the planner leaves open.
            trials: number of trials of the whole study.
            decided: whether the study needs no further trials, whatever their number.
        """
        self._ledger = ledger
        self._space = space
        self._planner = planner
        self._view = view
        self._trials = trials
        self._decided = decided

    @property
    def remaining(self) -> int:
        started = self._ledger.trials()
        return 0 if self._decided(started) else max(0, self._trials - len(started))

    def next(self) -> Plan | None:
        started = self._ledger.trials()
        wanted = len(started) < self._trials and not self._decided(started)
        return self._planner.next(started) if wanted else None

    def config(self, trial: FrozenTrial) -> TrialConfig:
        if records.CONFIG in trial.user_attrs:
            return TrialConfig.from_dict(trial.user_attrs[records.CONFIG])
        with on_one_thread():
            drawn = draw(self._study(), trial, self._space.distributions)
        if records.is_randomized(trial):  # for a text that was added since its texts were drawn, there was no coin
            drawn |= {name: 0 for name in drawn if name.startswith(PREFIX)}
        params = {**trial.params, **drawn}
        self._ledger.set_params(trial.number, drawn)
        if idle := sorted(self._space.idle(params)):
            self._ledger.note(trial.number, records.IDLE, idle)
        config = self._space.decode(params, trial.user_attrs[records.SEED])
        self._ledger.note(trial.number, records.CONFIG, config.to_dict())
        return config

    def _study(self) -> optuna.Study:
        return self._ledger.study(self._view)
