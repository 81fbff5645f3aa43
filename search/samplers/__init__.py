"""Samplers by name, one file each; another package adds one with an entry point of the group `mixtune.samplers`."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from search.samplers.kind import SamplerKind
from spaces.kinds import Kinds

SAMPLERS: Kinds[SamplerKind] = Kinds(
    "mixtune.samplers",
    {
        "tpe": "search.samplers.tpe:TPE",
        "gp": "search.samplers.gp:GP",
        "mixture": "search.samplers.mixture:MIXTURE",
        "random": "search.samplers.random:RANDOM",
        "cmaes": "search.samplers.cmaes:CMAES",
        "qmc": "search.samplers.qmc:QMC",
        "nsga2": "search.samplers.nsga2:NSGA2",
    },
)


def preferred(objectives: int, trials: int) -> str:
    """Return the sampler that `auto` selects for a study of this size: the most specialized of those that fit."""
    fit = {
        name: kind for name, kind in SAMPLERS.items() if kind.auto_objectives >= objectives and trials <= kind.trials
    }
    return min(fit, key=lambda name: fit[name].trials)


def build_sampler(name: str, seed: int, trials: int, others: int = 0) -> BaseSampler:
    """Build a sampler for a study with `trials` existing trials and `others` other drivers.

    The fresh seed depends on both numbers, because a sampler that restarts from its first seed, or from that of another
    driver, repeats earlier suggestions.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # some are experimental, but the version is pinned
        return SAMPLERS[name].build(seed, (seed * 1_000_003 + trials + others * 7_919_993) % 2**32)
