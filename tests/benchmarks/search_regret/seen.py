"""A sampler that learns from pruned trials, for those that Optuna lets see complete ones only."""

from __future__ import annotations

import copy
from collections.abc import Container
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState


class _AsFarAsTheyCame(optuna.Study):
    """A study in which a pruned trial is complete, with the last score that it had."""

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        found = [_completed(trial) for trial in super()._get_trials(deepcopy, None, use_cache)]
        return [trial for trial in found if states is None or trial.state in states]


def _completed(trial: FrozenTrial) -> FrozenTrial:
    if trial.state is not TrialState.PRUNED or trial.last_step is None:
        return trial
    seen = copy.copy(trial)
    seen.state = TrialState.COMPLETE
    seen.values = [trial.intermediate_values[trial.last_step]]
    return seen


class SeesPruned(BaseSampler):
    """Another sampler, shown pruned trials as complete ones."""

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(self._seen(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(self._seen(study), trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._sampler.sample_independent(self._seen(study), trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._sampler.before_trial(self._seen(study), trial)

    def _seen(self, study: optuna.Study) -> optuna.Study:
        return _AsFarAsTheyCame(study.study_name, study._storage, sampler=self._sampler, pruner=study.pruner)
