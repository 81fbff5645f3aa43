"""No pruning: every trial is trained to its last rung."""

from __future__ import annotations

from optuna.pruners import NopPruner

from search.pruners.kind import PrunerKind

NONE = PrunerKind(build=lambda _rungs, _reduction: NopPruner())
