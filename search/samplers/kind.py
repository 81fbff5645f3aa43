"""What the search asks of a kind of sampler."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler


@dataclass(frozen=True, slots=True)
class SamplerKind:
    """A sampler, and all that the rest of the program must know of it."""

    build: Callable[[int, int], BaseSampler]
    """From the study's seed, which never changes, and a fresh one, which differs at every start."""
    objectives: int = 2
    """Objectives that it can search for at once, at most."""
    sees_pruned: bool = True
    """Whether it learns from pruned trials by itself; to one that does not they are shown as complete, with the score
    that they had reached."""
    takes_prior: bool = False
    """Whether it learns from complete trials in such a way that imagined ones give it an opinion."""
    auto_objectives: int = 0
    """Objectives up to which `auto` takes it, where it was measured to be near the best (`docs/samplers.md`)."""
    trials: float = math.inf
    """Trials up to which `auto` takes it."""
    slow: bool = False
    """Whether asking it takes so long that an estimate of a study plays it through with another one."""
