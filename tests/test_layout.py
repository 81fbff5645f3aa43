"""The house stays one in which things are found: short files, short functions, few rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PACKAGES = ("spaces", "objectives", "search", "studies")
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
LINES, FUNCTION, MEDIAN, ROOMS = 300, 40, 8, 10


def functions() -> Iterator[tuple[str, int]]:
    """Place and length of every function."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{file.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def test_files_are_short() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {place: length for place, length in lengths.items() if length > LINES} == {}


def test_functions_are_short() -> None:
    lengths = list(functions())
    assert [place for place, length in lengths if length > FUNCTION] == []
    assert median(length for _, length in lengths) <= MEDIAN


def test_studies_has_few_rooms() -> None:
    rooms = {path.name for path in (ROOT / "studies").iterdir() if path.suffix in ("", ".py")}
    assert len(rooms - {"__init__.py", "__pycache__", "py.typed"}) <= ROOMS
