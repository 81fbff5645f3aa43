"""Reports for tests."""

from __future__ import annotations

from pathlib import Path

from studies.analysis.rating import rate
from studies.report.page import write_report
from studies.storage.store import Store
from studies.storage.stored import StoredStudy


def written(store: Store, study: StoredStudy, folder: Path) -> Path:
    """The page of a study's report."""
    return write_report(store, study, rate(study), folder)
