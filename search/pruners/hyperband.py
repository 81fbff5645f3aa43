"""Hyperband: successive halving with several brackets."""

from __future__ import annotations

import optuna
from optuna.pruners import HyperbandPruner
from optuna.trial import FrozenTrial

from search.pruners.kind import PrunerKind
from search.pruners.rungs import by_rung


class RungHyperbandPruner(HyperbandPruner):
    """Hyperband (Li et al., 2018, arXiv 1603.06560) with the rungs of the study, one bracket starting at each."""

    def __init__(self, rungs: int, reduction: int) -> None:
        super().__init__(min_resource=1, max_resource=reduction ** (rungs - 1) + 1, reduction_factor=reduction)
        self._reduction = reduction

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return super().prune(study, by_rung(trial, self._reduction))


HYPERBAND = PrunerKind(build=lambda rungs, reduction: RungHyperbandPruner(len(rungs), reduction), objectives=1)
