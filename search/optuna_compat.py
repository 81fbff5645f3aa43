"""Uses of Optuna beyond its public API: the one place to look when a new version breaks the search.

Tested with Optuna 5.0.0.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState


class StudyView(optuna.Study):
    """A study that shows a sampler other trials than the database has; subclasses override `visible_trials`.

    Overrides the private `Study._get_trials`, through which Optuna's samplers and search spaces read a study. They do
    not use the public `Study.get_trials`, which calls the private method too, so there is no public way.
    """

    def __init__(
        self, *arguments: Any, absent: Mapping[str, BaseDistribution] = MappingProxyType({}), **options: Any
    ) -> None:
        """Pass all arguments to `optuna.Study`, except for one.

        Args:
            arguments: positional arguments of `optuna.Study`.
            absent: parameters that a trial may lack; it is shown with the value 0 for them.
            options: keyword arguments of `optuna.Study`.
        """
        super().__init__(*arguments, **options)
        self._absent = absent

    def visible_trials(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials to show to a sampler, given all trials of the study in any state."""
        return trials

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        stored = super()._get_trials(deepcopy, None, use_cache)
        visible = self.visible_trials([_completed(trial, self._absent) for trial in stored])
        return [trial for trial in visible if states is None or trial.state in states]


def _completed(trial: FrozenTrial, absent: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """Return a trial with the value 0 for parameters that it lacks; running trials are still to draw theirs."""
    lacking = {name: distribution for name, distribution in absent.items() if name not in trial.params}
    if not lacking or not trial.state.is_finished():
        return trial
    completed = copy.copy(trial)
    completed.params = {**trial.params, **dict.fromkeys(lacking, 0)}
    completed.distributions = {**trial.distributions, **lacking}
    return completed


_CALLED_BY_THE_CACHE = ("_create_new_trial", "_get_trials", "_set_trial_param", "_get_best_trial_id")


def storage_operations() -> frozenset[str]:
    """Return the names of the methods with which an `RDBStorage` queries its database for a study.

    In addition to the abstract methods of `BaseStorage`, these are the private ones that Optuna's cache calls on every
    `RDBStorage`, without a public setting for retries. `_get_stale_trial_ids` is left out, because it is called only
    for heartbeats, which are off.
    """
    return frozenset({*BaseStorage.__abstractmethods__, *_CALLED_BY_THE_CACHE})
