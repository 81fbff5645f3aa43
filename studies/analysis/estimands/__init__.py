"""Estimands: the kind of effect that a study measures, one module per value of `space.texts.choose`."""

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
"""Estimand by the value of `space.texts.choose`, as in `TextsSpec.kind`."""
_FALLBACK = "subset"
"""Estimand of studies that do not rate their texts; nothing is estimated."""


def estimand_of(study: StoredStudy) -> Estimand:
    """Return the estimand of a study: the kind of effect that the study measures for its texts."""
    return ESTIMANDS[study.choose if study.choose in ESTIMANDS else _FALLBACK]


__all__ = ["ESTIMANDS", "Estimand", "estimand_of"]
