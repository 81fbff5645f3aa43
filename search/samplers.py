"""Names of samplers to Optuna's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)


def _cmaes(_study: int, fresh: int) -> BaseSampler:
    """Categories (such as a list of target modules) are drawn at random, which CMA-ES cannot search."""
    return CmaEsSampler(seed=fresh, with_margin=True, consider_pruned_trials=True, warn_independent_sampling=False)


def _gp(_study: int, fresh: int) -> BaseSampler:
    return GPSampler(seed=fresh, warn_independent_sampling=False)


def _nsga2(_study: int, fresh: int) -> BaseSampler:
    return NSGAIISampler(seed=fresh)


def _qmc(study: int, fresh: int) -> BaseSampler:
    """The sequence keeps the study's seed, because it takes its position in it from the database."""
    first = RandomSampler(seed=fresh)
    return QMCSampler(seed=study, scramble=True, independent_sampler=first, warn_independent_sampling=False)


def _random(_study: int, fresh: int) -> BaseSampler:
    return RandomSampler(seed=fresh)


def _tpe(_study: int, fresh: int) -> BaseSampler:
    """Multivariate, and aware of the trials under way: Optuna's defaults since 5.0."""
    return TPESampler(seed=fresh)


SAMPLERS: Mapping[str, Callable[[int, int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "random": _random,
    "cmaes": _cmaes,
    "qmc": _qmc,
    "nsga2": _nsga2,
}
"""Name of a sampler to what builds it from the study's seed and a fresh one."""


def build_sampler(name: str, seed: int, trials: int, others: int = 0) -> BaseSampler:
    """A sampler for a study that already holds so many trials, beside the samplers of other drivers.

    The fresh seed depends on both numbers: a sampler that starts anew from its first seed, or from another's,
    repeats what was suggested.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # some are marked so; the version is held
        return SAMPLERS[name](seed, (seed * 1_000_003 + trials + others * 7_919_993) % 2**32)
