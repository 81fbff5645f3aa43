"""Quasi-random search: points that fill the space evenly."""

from __future__ import annotations

from optuna.samplers import BaseSampler, QMCSampler, RandomSampler

from search.samplers.kind import SamplerKind


def _build(study: int, fresh: int) -> BaseSampler:
    """The sequence keeps the study's seed, because it takes its position in it from the database."""
    first = RandomSampler(seed=fresh)
    return QMCSampler(seed=study, scramble=True, independent_sampler=first, warn_independent_sampling=False)


QMC = SamplerKind(build=_build)
