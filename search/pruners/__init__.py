"""Pruners by name, one file each; another package adds one by an entry point of the group `mixtune.pruners`."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner

from search.pruners.kind import PrunerKind, Rungs
from spaces.kinds import Kinds

PRUNERS: Kinds[PrunerKind] = Kinds(
    "mixtune.pruners",
    {
        "asha": "search.pruners.asha:ASHA",
        "hyperband": "search.pruners.hyperband:HYPERBAND",
        "median": "search.pruners.median:MEDIAN",
        "wilcoxon": "search.pruners.wilcoxon:WILCOXON",
        "none": "search.pruners.none:NONE",
    },
)


def build_pruner(name: str, rungs: Rungs, reduction: int) -> BasePruner:
    """A pruner that decides from the rungs in the database alone, so that it decides the same after a resume."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # some are marked so; the version is held
        return PRUNERS[name].build(rungs, reduction)
