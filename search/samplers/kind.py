"""Contract of a kind of sampler."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler


@dataclass(frozen=True, slots=True)
class SamplerKind:
    """A kind of sampler, with everything that the rest of the program must know about it."""

    build: Callable[[int, int], BaseSampler]
    """Function that builds the sampler from the study's seed and a fresh seed, which differs at every start."""
    objectives: int = 2
    """Largest number of objectives that the sampler supports."""
    sees_pruned: bool = True
    """Whether the sampler learns from pruned trials; otherwise they are shown as complete, with their last score."""
    takes_prior: bool = False
    """Whether imaginary complete trials can serve as a prior for the sampler."""
    auto_objectives: int = 0
    """Largest number of objectives for which `auto` may select the sampler, by measurement (`docs/samplers.md`)."""
    trials: float = math.inf
    """Largest number of trials for which `auto` may select the sampler."""
    slow: bool = False
    """Whether the sampler is so slow that the estimate of a study simulates it with another one."""


class WholeSpaceSampler(BaseSampler):
    """Sampler that draws all parameters of a space at once, from the first trial on.

    Optuna tells a sampler the space by the trials that it has seen, so that the first trial is drawn number by number.
    """
