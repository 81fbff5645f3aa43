"""Which trial comes next, and which are stopped: Optuna inside Ray Tune, with the database as the only truth."""

from __future__ import annotations

from search.records import TrialRecord, read_record
from search.runner import LocalRunner, ObjectiveFactory, Runner
from search.searcher import Event, StudySearcher
from search.spec import SearchSpec

__all__ = [
    "Event",
    "LocalRunner",
    "ObjectiveFactory",
    "Runner",
    "SearchSpec",
    "StudySearcher",
    "TrialRecord",
    "read_record",
]
