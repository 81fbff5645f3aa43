"""Private names of other packages are used in modules called `…_compat.py` and nowhere else."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("search", "objectives", "spaces", "studies")
TREES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.stem.endswith("_compat")
}
BY_NAME = ("getattr", "setattr", "hasattr", "delattr")
WHERE = "Use it in the library's module `…_compat.py`, behind a function with a public name and a test of its own: "


def private(name: str | None) -> bool:
    return name is not None and name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def foreign(module: str) -> bool:
    root = module.split(".", maxsplit=1)[0]
    return root not in PACKAGES and root not in sys.stdlib_module_names


def defined(tree: ast.AST) -> set[str]:
    """Names that a file gives itself: functions, classes, variables, attributes that it sets."""
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return found | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _on_self(node)
    }


def _on_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def imported(tree: ast.AST) -> dict[str, str]:
    """Names that a file imports, and the module of each."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(each.asname or each.name).split(".")[0]: each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return found


def used(tree: ast.AST, anywhere: set[str]) -> Iterator[tuple[int, str]]:
    """Line and name of every private name that is not our own; `anywhere`: names that any of our files defines."""
    own, modules = defined(tree), imported(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if private(name):
                root = ast.unparse(node).split(".")[0].split("(")[0]
                ours = anywhere if root in ("self", "cls", "super") else own
                if foreign(modules[root]) if root in modules else name not in ours:
                    yield node.lineno, name
            case ast.Import(names=names):
                yield from ((node.lineno, each.name) for each in names if any(map(private, each.name.split("."))))
            case ast.ImportFrom(module=str(module), names=names) if foreign(module):
                dotted = [*module.split("."), *(each.name for each in names)]
                yield from ((node.lineno, f"{module}: {name}") for name in dotted if private(name))
            case ast.Call(func=ast.Name(id=function), args=[_, ast.Constant(value=str(name)), *_]):
                if function in BY_NAME and private(name) and name not in own:
                    yield node.lineno, name
            case ast.keyword(arg=name) if private(name):
                yield node.lineno, f"{name}="


def places(tree: ast.AST, path: Path, anywhere: set[str]) -> list[str]:
    return [f"{path}:{line}: {name}" for line, name in used(tree, anywhere)]


def test_no_private_name_of_another_package_is_used() -> None:
    anywhere = set().union(*map(defined, TREES.values()))
    found = [place for path, tree in TREES.items() for place in places(tree, path.relative_to(ROOT), anywhere)]
    assert not found, WHERE + ", ".join(found)


def overridden(node: ast.ClassDef, module: ModuleType) -> Iterator[str]:
    """Private names in a class that it shares with a class of another package below it."""
    bases = [base for base in getattr(module, node.name).__mro__ if foreign(base.__module__)]
    names = {name for part in node.body for name in defined(ast.Module([part], [])) if private(name)}
    return (f"{module.__name__}.{node.name}.{name}" for name in names if any(name in vars(base) for base in bases))


@pytest.mark.torch
def test_no_private_method_of_another_package_is_overridden() -> None:
    """Chosen or by chance: a library that calls its own method would call ours."""
    found: list[str] = []
    for path, tree in TREES.items():
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if path.stem != "__main__":
            module = importlib.import_module(name)
            classes = [node for node in ast.iter_child_nodes(tree) if isinstance(node, ast.ClassDef)]
            found += [each for node in classes for each in overridden(node, module)]
    assert not found, WHERE + ", ".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "from ray._private import serialization",
        "import lm_eval.tasks._index",
        "from optuna.study import _study",
        "torch._foreach_add_(weights, 1)",
        "found = torch.ops.mkldnn._linear_pointwise(inputs)",
        "task.task._instances = []",
        "trial = super()._get_trials()",
        "kept = self._of_a_base",
        "usual = getattr(model.config, '_attn_implementation')",
        "ray.init(_temp_dir='here')",
    ],
)
def test_each_way_of_using_one_is_noticed(line: str) -> None:
    tree = ast.parse(f"import torch\n{line}\n")
    assert places(tree, Path("a.py"), {"_own"})


def test_our_own_names_are_not() -> None:
    tree = ast.parse("import os\n_x = 1\nfound = self._own + other._x\nos._exit(1)\n")
    assert not places(tree, Path("a.py"), {"_own"})
