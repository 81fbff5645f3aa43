"""Gaussian process made for mixes of texts and the settings of their training."""

from __future__ import annotations

from search.samplers.kind import SamplerKind
from search.samplers.mixture.sampler import MixtureSampler

MIXTURE = SamplerKind(
    build=lambda _study, fresh: MixtureSampler(fresh), objectives=1, takes_prior=True, auto_objectives=1, trials=128
)
"""Gaussian process over mixes and settings, which knows how far a pruned trial was trained; up to 128 trials its regret
is measured to be the smallest (`docs/samplers.md`)."""
