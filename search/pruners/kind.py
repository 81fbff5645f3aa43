"""What the search asks of a kind of pruner; a rung's step is its cumulative number of training tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optuna.pruners import BasePruner

Rungs = Sequence[int]
"""Cumulative tokens of the rungs of a full trial."""


@dataclass(frozen=True, slots=True)
class PrunerKind:
    """A pruner, and all that the rest of the program must know of it."""

    build: Callable[[Rungs, int], BasePruner]
    """From the rungs and the reduction factor."""
    objectives: int = 2
    """Objectives of the studies that it can be used in, at most; it looks at the first one alone."""
