"""Contract of a kind of pruner; the step of a rung is its cumulative number of training tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optuna.pruners import BasePruner

Rungs = Sequence[int]
"""Rungs of a full trial, in training tokens, cumulative."""


@dataclass(frozen=True, slots=True)
class PrunerKind:
    """A kind of pruner, with everything that the rest of the program must know about it."""

    build: Callable[[Rungs, int], BasePruner]
    """Function that builds the pruner from the rungs and the reduction factor."""
    objectives: int = 2
    """Largest number of objectives of a study with this pruner, which looks only at the first one."""
