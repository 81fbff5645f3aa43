"""What the search takes of Optuna that Optuna does not promise: the one place to look when a new version fails.

Tried with Optuna 5.0.0.
"""

from __future__ import annotations

from collections.abc import Container

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


class SeenStudy(optuna.Study):
    """A study in which a sampler sees other trials than the database has; a subclass says which, by `seen`.

    Overrides the private `Study._get_trials`, through which Optuna's samplers and search spaces read a study.
    `Study.get_trials` calls it too, but they do not call that one, so there is no public way.
    """

    def seen(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Trials as a sampler is to see them; all of the study are given, whatever their state."""
        return trials

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        seen = self.seen(super()._get_trials(deepcopy, None, use_cache))
        return [trial for trial in seen if states is None or trial.state in states]


_CALLED_BY_THE_CACHE = ("_create_new_trial", "_get_trials", "_set_trial_param", "_get_best_trial_id")


def storage_operations() -> frozenset[str]:
    """Names of the methods in which an `RDBStorage` asks its database something for a study.

    Beside the abstract methods of `BaseStorage` these are private ones: the cache that Optuna puts before every
    `RDBStorage` calls them on it, and has no public setting for trying again. `_get_stale_trial_ids` is left out,
    because it is called for heartbeats alone, which are off.
    """
    return frozenset({*BaseStorage.__abstractmethods__, *_CALLED_BY_THE_CACHE})
