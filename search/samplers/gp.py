"""Gaussian process: a fit to complete trials, whose time grows with the cube of their number."""

from __future__ import annotations

from optuna.samplers import BaseSampler, GPSampler

from search.samplers.kind import SamplerKind


def _build(_study: int, fresh: int) -> BaseSampler:
    return GPSampler(seed=fresh, warn_independent_sampling=False)


GP = SamplerKind(build=_build, sees_pruned=False, takes_prior=True, auto_objectives=1, trials=128, slow=True)
"""Up to 128 trials it was measured to be at least as near the best as TPE (`docs/samplers.md`)."""
