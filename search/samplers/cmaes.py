"""CMA-ES: an evolution strategy for numbers; categories, such as a list of target modules, are drawn at random."""

from __future__ import annotations

from optuna.samplers import BaseSampler, CmaEsSampler

from search.samplers.kind import SamplerKind


def _build(_study_seed: int, fresh: int) -> BaseSampler:
    return CmaEsSampler(seed=fresh, with_margin=True, consider_pruned_trials=True, warn_independent_sampling=False)


CMAES = SamplerKind(build=_build, objectives=1)
