"""Median pruning: a trial stops if it is below the median of the others at the same rung."""

from __future__ import annotations

from optuna.pruners import MedianPruner

from search.pruners.kind import PrunerKind

MEDIAN = PrunerKind(build=lambda _rungs, _reduction: MedianPruner(n_startup_trials=5))
