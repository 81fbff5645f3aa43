"""The trials of one study in its database, as the search reads and writes them."""

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
    """Trials by their number; finished ones are read from the database once."""

    def __init__(self, storage: BaseStorage, name: str, distributions: Mapping[str, BaseDistribution]) -> None:
        """Open an existing study.

        Args:
            storage: the database.
            name: of the study in it.
            distributions: of every parameter of a trial.
        """
        self._storage = optuna.storages.get_storage(storage)
        self._name = name
        self._distributions = distributions
        self._guides: dict[str, Any] = {}
        self._study_id = storage.get_study_id_from_name(name)

    def guided_by(self, sampler: BaseSampler, pruner: BasePruner) -> None:
        """Let Optuna's studies have this sampler and this pruner."""
        self._guides = {"sampler": sampler, "pruner": pruner}

    def study(self, view: Callable[..., optuna.Study] = optuna.Study) -> optuna.Study:
        """The study as Optuna sees it now; one that is kept remembers trials as they were."""
        return view(self._name, self._storage, **self._guides)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Trials in these states, of any state where none is named; foreign ones are left out."""
        found = self._storage.get_all_trials(self._study_id, deepcopy=False, states=states or None)
        return [trial for trial in found if records.ARM in trial.user_attrs]

    def foreign(self) -> list[int]:
        """Running trials that this program did not make: they have no arm and no seed."""
        running = self._storage.get_all_trials(self._study_id, deepcopy=False, states=(TrialState.RUNNING,))
        return [trial.number for trial in running if records.ARM not in trial.user_attrs]

    def trial(self, number: int) -> FrozenTrial:
        """A trial as it stands."""
        return self._storage.get_trial(self._id(number))

    def create(self, plan: Plan, driver: str) -> FrozenTrial:
        """Make a running trial with what is planned for it, in one transaction."""
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
        """The rung in full, then its score: a trial whose score is stored has the rung."""
        self.note(number, *records.rung_attribute(rung))
        self._storage.set_trial_intermediate_value(self._id(number), rung.tokens, rung.score)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
