"""Gaussian process, fitted to complete trials in time cubic in their number."""

from __future__ import annotations

from optuna.samplers import BaseSampler, GPSampler

from search.samplers.kind import SamplerKind


def _build(_study_seed: int, fresh: int) -> BaseSampler:
    return GPSampler(seed=fresh, warn_independent_sampling=False)


GP = SamplerKind(build=_build, sees_pruned=False, takes_prior=True, slow=True)
"""Optuna's Gaussian process sampler."""
