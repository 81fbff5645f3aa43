"""Names of samplers to Optuna's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)


def _cmaes(seed: int) -> BaseSampler:
    """Categories (such as a list of target modules) are drawn at random, which CMA-ES cannot search."""
    return CmaEsSampler(seed=seed, with_margin=True, consider_pruned_trials=True, warn_independent_sampling=False)


def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed, warn_independent_sampling=False)


def _qmc(seed: int) -> BaseSampler:
    return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _tpe(seed: int) -> BaseSampler:
    """Multivariate, and aware of the trials under way: Optuna's defaults since 5.0."""
    return TPESampler(seed=seed)


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "random": lambda seed: RandomSampler(seed=seed),
    "cmaes": _cmaes,
    "qmc": _qmc,
    "nsga2": lambda seed: NSGAIISampler(seed=seed),
}
"""Name of a sampler to what builds it from a seed."""


def build_sampler(name: str, seed: int, trials: int) -> BaseSampler:
    """A sampler for a study that already holds so many trials.

    The seed depends on that number, since a sampler that starts anew from its first seed repeats its first
    suggestions; the quasi-random sequence alone keeps its seed, because it takes its position from the database.
    """
    return SAMPLERS[name](seed if name == "qmc" else (seed * 1_000_003 + trials) % 2**32)
