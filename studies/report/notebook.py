"""The notebook that recomputes a study's results from its database."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from studies.storage.stored import StoredStudy

NOTEBOOK = "report.ipynb"
_PARAMETERS = "parameters"


def write_notebook(study: StoredStudy, path: Path) -> None:
    """Write the notebook with the study's name and database in its first code cell."""
    notebook = json.loads(files("studies.report").joinpath("templates", NOTEBOOK).read_text(encoding="utf-8"))
    (cell,) = (cell for cell in notebook["cells"] if _PARAMETERS in cell["metadata"].get("tags", ()))
    cell["source"] = [f"NAME = {study.spec.name!r}\n", f"DATABASE = {study.url!r}"]
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
