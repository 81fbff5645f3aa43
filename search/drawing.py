"""Sampling of the missing parameters of a trial, without writing to the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search.samplers.kind import WholeSpaceSampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


def draw(study: Study, trial: FrozenTrial, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """Draw values for the parameters that a running trial does not have yet.

    This does what Optuna's `ask` does, but for an existing trial: one whose texts were drawn at random, or one whose
    driver died during the sampling.
    """
    sampler = study.sampler
    sampler.before_trial(study, trial)
    joint = sampler.infer_relative_search_space(study, trial)
    if isinstance(sampler, WholeSpaceSampler):
        joint = dict(distributions)
    values = sampler.sample_relative(study, trial, joint)
    missing = {name: distribution for name, distribution in distributions.items() if name not in trial.params}
    for name, distribution in missing.items():
        if name not in values:
            values[name] = sampler.sample_independent(study, trial, name, distribution)
    return {name: values[name] for name in missing}
