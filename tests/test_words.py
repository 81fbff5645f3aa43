"""The words of the project: docstrings that stand alone, and no names of the private language that it once had."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("mixtune", "spaces", "objectives", "search", "studies")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
FRAGMENT = re.compile(r"(Of|That|What|Whose|Whoever|Likewise)\b")
"""A docstring that begins so is no sentence of its own in a hover box."""
FORMER = {
    "Workbench",
    "Sight",
    "Leg",
    "Asked",
    "AskedTask",
    "AskedQuality",
    "Complements",
    "Turned",
    "Swaps",
    "EachAlone",
    "Wish",
    "Way",
    "Lesson",
    "Trust",
    "AsFarAsTheyCame",
    "FirstGoal",
    "LeanLora",
    "Learned",
    "Stored",
    "quicken",
    "redrawn",
    "settle",
    "RungTold",
    "foretold",
    "told",
    "opinion",
    "goal",
    "goals",
    "bench",
    "legs",
    "lessons",
    "sight",
    "living",
    "Half",
    "Place",
    "wish",
}
"""Names that searching for the field's own term does not find."""


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every docstring, those of fields too, with its line."""
    for node in ast.walk(tree):
        body = getattr(node, "body", [])
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.lineno, str(statement.value.value)


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a file gives to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


TESTS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").glob("*.py")])


def test_docstrings_of_tests_stand_alone_too() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:60]!r}"
        for path in TESTS
        for line, text in docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if FRAGMENT.match(text)
    ]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_words(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [f"{line}: {text[:60]!r}" for line, text in docstrings(tree) if FRAGMENT.match(text)] == []
    assert [f"{line}: {name}" for line, name in names(tree) if name.lstrip("_") in FORMER] == []
