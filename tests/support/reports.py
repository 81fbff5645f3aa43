"""Reports for tests."""

from __future__ import annotations

from pathlib import Path

from studies.rating.rating import rate
from studies.report import write_report
from studies.store import Store
from studies.stored import StoredStudy


def written(store: Store, study: StoredStudy, folder: Path) -> Path:
    """The page of a study's report."""
    return write_report(store, study, rate(study), folder)
