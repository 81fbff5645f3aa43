"""Pruners by name, one file each; another package adds one with an entry point of the group `mixtune.pruners`."""

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
    """Build a pruner that depends only on the rungs in the database, so that decisions do not change after a resume."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # some are experimental, but the version is pinned
        return PRUNERS[name].build(rungs, reduction)
