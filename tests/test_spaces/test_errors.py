"""The codes of errors, read from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import spaces
from spaces.errors import FieldError, FileError, InputError, LineError, MixtuneError

ROOT = Path(spaces.__file__).parents[1]


def _codes() -> Iterator[tuple[str, str]]:
    """Every code that the source gives to an error, and the name of what takes it."""
    for package in ("spaces", "objectives", "search", "studies"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                given = [word.value for word in node.keywords if word.arg == "code"]
                given += node.args[2:3] if node.func.id == "Fault" else []
                codes = [each.value for each in given if isinstance(each, ast.Constant)]
                yield from ((code, node.func.id) for code in codes if isinstance(code, str))


def test_a_code_is_a_few_words_in_kebab_case() -> None:
    codes = {code for code, _ in _codes()}
    assert len(codes) > 100
    assert [code for code in sorted(codes) if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){1,5}", code)] == []


def test_a_code_is_that_of_one_kind_of_fault() -> None:
    """Faults that a user can fix in one place are no failures of trials in another."""
    mended, failed = (
        {code for code, name in _codes() if (name == "MixtuneError") == failed} for failed in (False, True)
    )
    assert mended & failed == set()


@pytest.mark.parametrize("kind", [MixtuneError, InputError, FieldError, LineError, FileError])
def test_a_class_has_a_code_that_no_place_gives(kind: type[MixtuneError]) -> None:
    assert re.fullmatch("[a-z]+", kind.code)
    assert kind.code not in {code for code, _ in _codes()}
