"""Asynchronous successive halving: at every rung, one in `reduction_factor` trials continues."""

from __future__ import annotations

import optuna
from optuna.pruners import SuccessiveHalvingPruner
from optuna.trial import FrozenTrial

from search.pruners.kind import PrunerKind
from search.pruners.rungs import by_rung


class RungHalvingPruner(SuccessiveHalvingPruner):
    """Successive halving (Li et al., 2020, arXiv 1810.05934) that decides at every rung of the study.

    Optuna's pruner decides at the first budget times powers of the reduction factor, and would skip rungs at, say, a
    third and two thirds of the budget.
    """

    def __init__(self, reduction: int) -> None:
        super().__init__(min_resource=1, reduction_factor=reduction)
        self._reduction = reduction

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return super().prune(study, by_rung(trial, self._reduction))


ASHA = PrunerKind(build=lambda _rungs, reduction: RungHalvingPruner(reduction))
