"""Access of the search to the trials of one study in its database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from objectives.base import Rung
from search.storage import records
from search.storage.records import Plan


class Ledger:
    """Trials of a study, by number; finished ones are read from the database only once."""

    def __init__(self, storage: BaseStorage, name: str, distributions: Mapping[str, BaseDistribution]) -> None:
        """Open an existing study.

        Args:
            storage: the database.
            name: name of the study in the database.
            distributions: distributions of all parameters of a trial, by name.
        """
        self._storage = optuna.storages.get_storage(storage)
        self._name = name
        self._distributions = distributions
        self._guides: dict[str, Any] = {}
        self._study_id = storage.get_study_id_from_name(name)

    def guided_by(self, sampler: BaseSampler, pruner: BasePruner) -> None:
        """Set the sampler and the pruner of the studies that `study` returns."""
        self._guides = {"sampler": sampler, "pruner": pruner}

    def study(self, view: Callable[..., optuna.Study] = optuna.Study) -> optuna.Study:
        """Return the current Optuna study; do not store the result, because it caches trials."""
        return view(self._name, self._storage, **self._guides)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in these states (in any state by default), without foreign ones."""
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False, states=states or None)
        return [trial for trial in trials if records.ARM in trial.user_attrs]

    def foreign(self) -> list[int]:
        """Return the numbers of running trials that mixtune did not create, which have no arm and no seed."""
        running = self._storage.get_all_trials(self._study_id, deepcopy=False, states=(TrialState.RUNNING,))
        return [trial.number for trial in running if records.ARM not in trial.user_attrs]

    def trial(self, number: int) -> FrozenTrial:
        """Return the current state of a trial."""
        return self._storage.get_trial(self._id(number))

    def create(self, plan: Plan, driver: str) -> FrozenTrial:
        """Create a running trial with the parameters and attributes of a plan, in one transaction."""
        trial = create_trial(
            state=TrialState.RUNNING,
            params=plan.params,
            distributions={name: self._distributions[name] for name in plan.params},
            user_attrs={**plan.attributes, records.DRIVER: driver},
        )
        return self._storage.get_trial(self._storage.create_new_trial(self._study_id, trial))

    def set_params(self, number: int, params: Mapping[str, Any]) -> None:
        """Store parameters of a running trial."""
        for name, value in params.items():
            distribution = self._distributions[name]
            self._storage.set_trial_param(self._id(number), name, distribution.to_internal_repr(value), distribution)

    def note(self, number: int, key: str, value: Any) -> None:
        """Store an attribute of a running trial."""
        self._storage.set_trial_user_attr(self._id(number), key, value)

    def store_rung(self, number: int, rung: Rung) -> None:
        """Store the full rung, then its score, so that every stored score has its rung."""
        self.note(number, *records.rung_attribute(rung))
        self._storage.set_trial_intermediate_value(self._id(number), rung.tokens, rung.score)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
