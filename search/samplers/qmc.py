"""Quasi-Monte Carlo search: points that fill the space evenly."""

from __future__ import annotations

from optuna.samplers import BaseSampler, QMCSampler, RandomSampler

from search.samplers.kind import SamplerKind


def _build(study_seed: int, fresh: int) -> BaseSampler:
    """Build the sampler with the study's seed, because its position in the sequence is stored in the database."""
    first = RandomSampler(seed=fresh)
    return QMCSampler(seed=study_seed, scramble=True, independent_sampler=first, warn_independent_sampling=False)


QMC = SamplerKind(build=_build)
