"""The public API: what it lists exists, is documented with an example that runs, and is all that others import."""

from __future__ import annotations

import ast
import doctest
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

import mixtune

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
name: plan
space:
  texts: {folder: library, choose: all}
  tuning: {rank: 2}
  learning_rate: 1.0e-3
objective:
  tokens: 256
  sequence_length: 16
  batch_size: 4
  scores: [{kind: heldout, text: ants, passage: 200}]
"""
STUDY = PLAN.replace("choose: all", "choose: subset") + "search: {trials: 4, confirm: {best: 0}}\n"
NAMES = [name for name in mixtune.__all__ if callable(getattr(mixtune, name))]


def public(kind: type | object) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class that are its own or its parents' in the project."""
    for name, member in inspect.getmembers(kind):
        value = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(("studies", "search", "mixtune")):
            yield name, value


def count_words(trial: mixtune.TrialConfig) -> float:
    """An objective for the examples: bees help."""
    return float("bees" in trial.mix.names)


@pytest.mark.parametrize("name", mixtune.__all__)
def test_every_name_exists_and_says_what_it_is(name: str) -> None:
    found = getattr(mixtune, name)
    assert name in dir(mixtune)
    assert inspect.getdoc(found), name


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError):
        mixtune.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["Study", "BestTrial"])
def test_every_public_method_is_documented(name: str) -> None:
    kind = getattr(mixtune, name)
    assert [member for member, value in public(kind) if not inspect.getdoc(value)] == []


@pytest.mark.torch
@pytest.mark.parametrize("name", [name for name in NAMES if ">>>" in (inspect.getdoc(getattr(mixtune, name)) or "")])
def test_examples_run(name: str, texts: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "study.yaml").write_text(STUDY)
    demo = mixtune.Study.create(texts=texts, objective=count_words, name="demo", trials=12, runs="demos")
    demo.run("local")
    given = {**{each: getattr(mixtune, each) for each in mixtune.__all__}, "count_words": count_words}
    given |= {"mixtune": mixtune, "Console": Console, "demo_study": demo, "runs": "demos"}
    found = getattr(mixtune, name)
    tests = [test for test in doctest.DocTestFinder(recurse=True).find(found, name, globs=given) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test)
    assert tests
    assert runner.summarize().failed == 0


def test_classes_and_functions_have_examples() -> None:
    """Errors, events and plain values need none: their fields say what they are."""
    lacking = [name for name in NAMES if ">>>" not in (inspect.getdoc(getattr(mixtune, name)) or "")]
    values = {"RungReported", "Rung", "Report", "Outcome", "Ending", "StudySpec", "Stage", "Tuning", "CorpusMix"}
    values |= {"TrialConfig", "Estimate", "ConfirmationBegun", "TrialStarted", "TrialLost", "TrialFinished"}
    errors = {name for name in lacking if inspect.isclass(getattr(mixtune, name)) and name.endswith(("Error", "Name"))}
    assert set(lacking) - errors - values == set()


@pytest.mark.parametrize(
    "notebook",
    [*sorted((ROOT / "examples").glob("*.ipynb")), ROOT / "studies" / "report" / "templates" / "report.ipynb"],
    ids=lambda path: path.stem,
)
def test_notebooks_import_nothing_of_ours_but_the_public_api(notebook: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert _ours(ast.parse(code)) <= {"mixtune"}


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_import_nothing_of_ours_but_the_public_api(script: Path) -> None:
    assert _ours(ast.parse(script.read_text(encoding="utf-8"))) == {"mixtune"}


def _ours(tree: ast.AST) -> set[str]:
    """Top packages of ours that a file imports."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [cast("str", node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names} & {"mixtune", "spaces", "objectives", "search", "studies", "tests"}
