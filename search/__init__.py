"""Which trial comes next, and which are stopped: Optuna inside Ray Tune, with the database as the only truth."""

from __future__ import annotations

from search.events import ConfirmationBegun, Event, RungTold, TrialFinished, TrialLost, TrialStarted
from search.runner import LocalRunner, ObjectiveFactory, Runner
from search.searcher import StudySearcher
from search.spec import SearchSpec
from search.storage.records import TrialRecord, read_record

__all__ = [
    "ConfirmationBegun",
    "Event",
    "LocalRunner",
    "ObjectiveFactory",
    "RungTold",
    "Runner",
    "SearchSpec",
    "StudySearcher",
    "TrialFinished",
    "TrialLost",
    "TrialRecord",
    "TrialStarted",
    "read_record",
]
