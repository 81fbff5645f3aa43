"""Pareto front of a study with two objectives."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.trial import TrialState

from search.secondary import SECONDARY_OBJECTIVES, values
from search.storage.records import TrialRecord
from studies.storage.stored import StoredStudy


def secondary_value(study: StoredStudy, record: TrialRecord) -> float:
    """Return a complete trial's value of the secondary objective; lower is better."""
    return values(record.rungs[-1], study.spec.search.secondary_objective)[1]


def front(study: StoredStudy) -> list[TrialRecord]:
    """Return the Pareto-optimal complete trials, highest score first; empty with one objective."""
    if study.spec.search.secondary_objective is None:
        return []
    complete = study.ended(TrialState.COMPLETE)
    ordered = sorted(complete, key=lambda record: (-(record.score or 0.0), secondary_value(study, record)))
    return list(_improving(study, ordered))


def unit(study: StoredStudy) -> str:
    """Return the unit of the secondary objective; empty if there is none."""
    return (
        SECONDARY_OBJECTIVES[study.spec.search.secondary_objective].unit
        if study.spec.search.secondary_objective is not None
        else ""
    )


def _improving(study: StoredStudy, ordered: Iterable[TrialRecord]) -> Iterable[TrialRecord]:
    best: float | None = None
    for record in ordered:
        value = secondary_value(study, record)
        if best is None or value < best:
            best = value
            yield record
