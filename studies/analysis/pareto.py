"""Trials of a study with two objectives that no other trial beats in both."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.trial import TrialState

from search.secondary import SECONDARY_OBJECTIVES, values
from search.storage.records import TrialRecord
from studies.storage.stored import StoredStudy


def second_goal(study: StoredStudy, record: TrialRecord) -> float:
    """A complete trial's value of the secondary objective; smaller is better."""
    return values(record.rungs[-1], study.spec.search.secondary_objective)[1]


def front(study: StoredStudy) -> list[TrialRecord]:
    """The complete trials that no other beats in one objective without losing in the other, the highest score first."""
    if study.spec.search.secondary_objective is None:
        return []
    complete = study.ended(TrialState.COMPLETE)
    ordered = sorted(complete, key=lambda record: (-(record.score or 0.0), second_goal(study, record)))
    return list(_improving(study, ordered))


def unit(study: StoredStudy) -> str:
    """The unit of the secondary objective."""
    return (
        SECONDARY_OBJECTIVES[study.spec.search.secondary_objective].unit
        if study.spec.search.secondary_objective is not None
        else ""
    )


def _improving(study: StoredStudy, ordered: Iterable[TrialRecord]) -> Iterable[TrialRecord]:
    best: float | None = None
    for record in ordered:
        value = second_goal(study, record)
        if best is None or value < best:
            best = value
            yield record
