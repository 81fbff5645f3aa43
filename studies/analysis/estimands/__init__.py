"""What a study's effects are effects of, by the way in which its texts are searched: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spaces.kinds import Kinds
from studies.analysis.estimands.kind import Estimand

if TYPE_CHECKING:
    from studies.storage.stored import StoredStudy

ESTIMANDS: Kinds[Estimand] = Kinds(
    "mixtune.estimands",
    {
        "subset": "studies.analysis.estimands.subset:SUBSET",
        "limited": "studies.analysis.estimands.limited:LIMITED",
        "weights": "studies.analysis.estimands.weights:WEIGHTS",
        "one": "studies.analysis.estimands.one:ONE",
    },
)
"""`space.texts.choose`, as `TextsSpec.kind` has it, to what is estimated."""
_UNRATED = "subset"
"""Stands for what is not estimated, where a study does not rate its texts."""


def estimand_of(study: StoredStudy) -> Estimand:
    """The estimand of a study: the kind of effect that it measures for its texts."""
    return ESTIMANDS[study.choose if study.choose in ESTIMANDS else _UNRATED]


__all__ = ["ESTIMANDS", "Estimand", "estimand_of"]
