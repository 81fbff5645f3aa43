"""Kinds describe themselves: nobody compares a kind's name, or asks for its class, outside its own file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from objectives.scoring.spec import SCORERS
from search.listeners import LISTENERS
from search.pruners import PRUNERS
from search.samplers import SAMPLERS
from search.secondary import SECONDARY_OBJECTIVES
from search.storage import DATABASES
from spaces import kinds
from spaces.errors import UnfitError
from spaces.kinds import Kinds
from spaces.methods import METHODS
from studies.analysis.estimands import ESTIMANDS
from tests.support.refusals import refused

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("spaces", "objectives", "search", "studies")
TABLES: Mapping[str, Kinds[Any]] = {
    table.group: table
    for table in (SCORERS, SECONDARY_OBJECTIVES, PRUNERS, SAMPLERS, METHODS, DATABASES, LISTENERS, ESTIMANDS)
}
_SPECS = {spec.__name__ for spec in SCORERS.values()}
_OTHER_MEANINGS = {
    ("spaces/spec.py", "weights"),  # the file that says what `choose` may be
    ("spaces/spec.py", "subset"),
    ("spaces/corpus/calls.py", "function"),  # a word of OpenAI's form of tool calls
    ("studies/report/rating_words.py", "none"),  # a method of estimation
}
"""Files and words in them that are no kind's name."""


def _files() -> Iterator[Path]:
    for package in _PACKAGES:
        yield from sorted((_ROOT / package).rglob("*.py"))


def _own(name: str) -> set[str]:
    """Files in which a kind describes itself."""
    targets = [table._rows[name] for table in TABLES.values() if name in table._rows]
    return {target.split(":")[0].replace(".", "/") + ".py" for target in targets}


def compared(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines and words of comparisons with a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                for part in ast.walk(side) if isinstance(side, ast.Tuple | ast.Set | ast.List) else [side]:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield node.lineno, part.value


def asked_for(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines and classes of calls of `isinstance`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            for part in ast.walk(node.args[1]):
                if isinstance(part, ast.Name):
                    yield node.lineno, part.id


def test_nobody_compares_the_name_of_a_kind() -> None:
    names = {name for table in TABLES.values() for name in table}
    found = []
    for file in _files():
        place = str(file.relative_to(_ROOT))
        for line, word in compared(ast.parse(file.read_text(encoding="utf-8"))):
            if word in names and place not in _own(word) and (place, word) not in _OTHER_MEANINGS:
                found.append(f"{place}:{line}: {word}")
    assert found == []


def test_nobody_asks_for_the_class_of_an_entry() -> None:
    found = []
    for file in _files():
        place = str(file.relative_to(_ROOT))
        for line, name in asked_for(ast.parse(file.read_text(encoding="utf-8"))):
            if name in _SPECS:
                found.append(f"{place}:{line}: {name}")
    assert found == []


def test_the_search_for_comparisons_finds_them() -> None:
    tree = ast.parse("if kind == 'gp' or kind in ('tpe', 'cmaes') or isinstance(a, HeldoutSpec | int): pass")
    assert [word for _, word in compared(tree)] == ["gp", "tpe", "cmaes"]
    assert "HeldoutSpec" in [name for _, name in asked_for(tree)]


@pytest.mark.parametrize("group", TABLES)
def test_every_row_can_be_loaded_and_others_are_refused(group: str) -> None:
    table = TABLES[group]
    assert all(table[name] is not None for name in table)
    first = next(iter(table))
    assert table.known(first) == first
    with pytest.raises(UnfitError, match=repr(first)):
        table.known(first + "x")


def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_installed", lambda group: {"toy": "no_such_package:TOY"} if group else {})
    table: Kinds[object] = Kinds("mixtune.toys", {"own": "spaces.kinds:load"})
    assert list(table) == ["toy", "own"]
    assert table["own"] is kinds.load
    with refused("plugin-broken", "no_such_package:TOY", "'toy'", "mixtune.toys"):
        table["toy"]
    with pytest.raises(KeyError):
        table["other"]
