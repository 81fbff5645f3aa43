"""Trials of a study with two goals that no other trial beats in both."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.trial import TrialState

from search.goals import GOALS, values
from search.storage.records import TrialRecord
from studies.storage.stored import StoredStudy


def second_goal(study: StoredStudy, record: TrialRecord) -> float:
    """A complete trial's value of the second goal; smaller is better."""
    return values(record.rungs[-1], study.spec.search.second)[1]


def front(study: StoredStudy) -> list[TrialRecord]:
    """The complete trials that no other beats in one goal without losing in the other, the highest score first."""
    if study.spec.search.second is None:
        return []
    complete = study.ended(TrialState.COMPLETE)
    ordered = sorted(complete, key=lambda record: (-(record.score or 0.0), second_goal(study, record)))
    return list(_improving(study, ordered))


def unit(study: StoredStudy) -> str:
    """The unit of the second goal."""
    return GOALS[study.spec.search.second].unit if study.spec.search.second is not None else ""


def _improving(study: StoredStudy, ordered: Iterable[TrialRecord]) -> Iterable[TrialRecord]:
    best: float | None = None
    for record in ordered:
        value = second_goal(study, record)
        if best is None or value < best:
            best = value
            yield record
