"""The queue of a search: its two arms plan trials, its sampler draws the rest."""

from __future__ import annotations

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
from spaces.trial import Split


class Queue(Protocol):
    """Says which trials are to run."""

    @property
    def split(self) -> Split:
        """The questions that its trials are scored on."""
        ...

    @property
    def remaining(self) -> int:
        """Trials that no driver has begun."""
        ...

    def next(self) -> Plan | None:
        """The plan of the next new trial; None where there is none."""
        ...

    def config(self, trial: FrozenTrial) -> TrialConfig:
        """The configuration of a trial that has begun, drawn and stored where a driver had no time for it."""
        ...


class SearchQueue:
    """The trials of a search: the planner says what each is about, the sampler draws the rest."""

    split: Split = "search"

    def __init__(self, ledger: Ledger, space: Space, planner: Planner, view: View, trials: int) -> None:
        """Say how trials are chosen.

        Args:
            ledger: the trials in the database.
            space: what to search.
            planner: decides what a trial is about before the sampler sees it.
            view: shows the study to the sampler, which draws the parameters that the planner leaves open.
            trials: of the whole study.
        """
        self._ledger = ledger
        self._space = space
        self._planner = planner
        self._view = view
        self._trials = trials

    @property
    def remaining(self) -> int:
        return max(0, self._trials - len(self._ledger.trials()))

    def next(self) -> Plan | None:
        started = self._ledger.trials()
        return self._planner.next(started) if len(started) < self._trials else None

    def config(self, trial: FrozenTrial) -> TrialConfig:
        if records.CONFIG in trial.user_attrs:
            return TrialConfig.from_dict(trial.user_attrs[records.CONFIG])
        with on_one_thread():
            drawn = draw(self._study(), trial, self._space.distributions)
        params = {**trial.params, **drawn}
        self._ledger.set_params(trial.number, drawn)
        if idle := sorted(self._space.idle(params)):
            self._ledger.note(trial.number, records.IDLE, idle)
        config = self._space.decode(params, trial.user_attrs[records.SEED])
        self._ledger.note(trial.number, records.CONFIG, config.to_dict())
        return config

    def _study(self) -> optuna.Study:
        return self._ledger.study(self._view)
