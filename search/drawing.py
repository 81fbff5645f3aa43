"""Drawing what a trial lacks: the study's sampler asked for values, with nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


def draw(study: Study, trial: FrozenTrial, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """Values for the parameters that a running trial has not yet.

    As Optuna's `ask`, but for a trial that exists: one whose coins are tossed, or whose driver died while it
    was being drawn.
    """
    sampler = study.sampler
    sampler.before_trial(study, trial)
    values = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))
    missing = {name: distribution for name, distribution in distributions.items() if name not in trial.params}
    for name, distribution in missing.items():
        if name not in values:
            values[name] = sampler.sample_independent(study, trial, name, distribution)
    return {name: values[name] for name in missing}
