"""The notebook of the report, run from top to bottom in a real kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from studies.report.notebook import NOTEBOOK, write_notebook
from studies.storage.store import Store
from studies.storage.stored import StoredStudy
from tests.support.finished import finished

pytestmark = pytest.mark.notebook


def run(path: Path) -> list[str]:
    """Run a notebook; return what its cells show, as text."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [str(output.get("data", output.get("text"))) for output in outputs]


def test_it_computes_the_report_anew(finished_study: tuple[Store, StoredStudy], tmp_path: Path) -> None:
    write_notebook(finished_study[1], tmp_path / NOTEBOOK)
    shown = run(tmp_path / NOTEBOOK)
    assert any("Training on alpha makes the score better" in text for text in shown)
    assert sum("image/svg+xml" in text for text in shown) >= 6
    assert any("adjusted_p" in text for text in shown)


def test_it_runs_on_a_study_that_cannot_rate_its_texts(library: Path, tmp_path: Path) -> None:
    _, study = finished(library, tmp_path / "runs", trials=2)
    write_notebook(study, tmp_path / NOTEBOOK)
    assert any("There is no rating yet" in text for text in run(tmp_path / NOTEBOOK))
