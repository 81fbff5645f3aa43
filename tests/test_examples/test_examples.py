"""Every example runs small, as a reader would run it, and says first what one learns and how long it takes."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.databases import postgresql

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
pytestmark = pytest.mark.docs
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def run(script: Path, folder: Path, *options: str) -> str:
    """Run an example in a folder; return what it prints."""
    done = subprocess.run(
        [sys.executable, str(script), *options, "--small"],
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "error::FutureWarning"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_seven_and_the_page_names_them() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in (*SCRIPTS, *NOTEBOOKS)]
    assert len(names) == 7
    assert [name for name in names if f"]({name})" not in page] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_one_learns_and_how_long_it_takes(script: Path) -> None:
    said = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    assert "You learn:" in said
    assert "It takes about" in said


@pytest.mark.torch
@pytest.mark.parametrize("name", ["books_on_a_laptop", "instruct_gsm8k", "own_scorer", "weights_of_20_sources"])
def test_a_script_runs_small(name: str, tmp_path: Path) -> None:
    assert "verdict" in run(EXAMPLES / f"{name}.py", tmp_path)


def test_two_drivers_share_a_study(tmp_path: Path) -> None:
    with postgresql(tmp_path / "server") as new:
        printed = run(EXAMPLES / "two_drivers_postgresql.py", tmp_path, new())
    assert printed.count("A driver ended: FINISHED") == 2
    assert "24 trials ended, by two drivers." in printed


def executed(notebook: Path, folder: Path) -> list[str]:
    """Run a notebook in a folder; return what its cells show."""
    shutil.copy(notebook, folder / notebook.name)
    content = nbformat.read(folder / notebook.name, as_version=4)
    NotebookClient(content, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in content.cells if cell.cell_type == "code" for output in cell.outputs]
    return [str(output.get("data", output.get("text"))) for output in outputs]


@pytest.mark.notebook
def test_ten_lines_show_the_forest_plot(tmp_path: Path) -> None:
    shown = executed(EXAMPLES / "ten_lines.ipynb", tmp_path)
    assert any("data:image/svg+xml;base64" in text and "<td>what_things_are</td>" in text for text in shown)
    cells = json.loads((EXAMPLES / "ten_lines.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "".join(line for cell in cells if cell["cell_type"] == "code" for line in cell["source"])
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


@pytest.mark.notebook
@pytest.mark.torch
def test_three_stages_step_by_step(tmp_path: Path) -> None:
    shown = executed(EXAMPLES / "stages.ipynb", tmp_path)
    assert any("image/png" in text for text in shown)
    assert any("export/merged/model.safetensors" in text for text in shown)
    warned = [text for text in shown if "Warning" in text and "IProgress" not in text]  # of tqdm, without ipywidgets
    assert warned == []
