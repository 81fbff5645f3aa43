"""Imports are declared in pyproject.toml, declared packages are used, and constraints.txt holds a version."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mixtune", "search", "objectives", "spaces", "studies")
DEVELOPING = ("dev", "calibration")
"""Extras of which the packages may import nothing."""
BY_ITSELF = {"IPython"}
"""Packages that a notebook runs in, declared so that it is there wherever one is."""
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]
DISTRIBUTIONS = packages_distributions()


def declared(*, packages: bool) -> list[Requirement]:
    """Declared packages, for the packages alone or for tests too."""
    extras: Mapping[str, list[str]] = PROJECT["optional-dependencies"]
    chosen = [lines for name, lines in extras.items() if not packages or name not in DEVELOPING]
    return [Requirement(line) for lines in [PROJECT["dependencies"], *chosen] for line in lines]


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def modules(source: str) -> Iterator[str]:
    """Top-level modules of other packages that a file imports."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=found):
                dotted = [each.name for each in found]
            case ast.ImportFrom(module=str(module)):
                dotted = [module]
            case _:
                continue
        roots = {each.split(".")[0] for each in dotted}
        yield from roots - {*PACKAGES, "tests", *BY_ITSELF} - sys.stdlib_module_names


def sources(folders: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Files of Python, and the code in notebooks."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, path.read_text(encoding="utf-8")
        for path in sorted((ROOT / folder).rglob("*.ipynb")):
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            yield path, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def imported(folders: Iterable[str]) -> dict[str, set[Path]]:
    """Modules of other packages that files in these folders import, and the files."""
    found: dict[str, set[Path]] = {}
    for path, source in sources(folders):
        for module in modules(source):
            found.setdefault(module, set()).add(path.relative_to(ROOT))
    return found


def distributions(module: str) -> set[str]:
    """Which distributions bring a module; its own name where none of them is installed."""
    return {canonicalize_name(name) for name in DISTRIBUTIONS.get(module, [module])}


@pytest.mark.parametrize(("folders", "packages"), [(PACKAGES, True), (("tests",), False)], ids=["packages", "tests"])
def test_what_is_imported_is_declared(folders: tuple[str, ...], packages: bool) -> None:
    known = names(declared(packages=packages))
    missing = {
        f"{module} ({' or '.join(sorted(distributions(module)))}), in {min(files)}"
        for module, files in imported(folders).items()
        if not distributions(module) & known
    }
    assert not missing, f"Declare these in pyproject.toml: {sorted(missing)}"


def test_what_is_declared_is_imported_or_says_what_it_is_for() -> None:
    used = {name for module in imported([*PACKAGES, "tests"]) for name in distributions(module)}
    explained = {
        canonicalize_name(name)
        for line in TEXT.splitlines()
        if re.search(r"#\s*\S", line)
        for name in re.findall(r'"([A-Za-z0-9_.-]+)', line.split("#")[0])
    }
    idle = names(declared(packages=False)) - used - explained
    assert not idle, f"Nothing imports these; say after # in pyproject.toml what each is for, or leave it out: {idle}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/*_compat.py")), ids=lambda path: path.stem)
def test_a_library_that_is_used_in_private_has_an_upper_bound(path: Path) -> None:
    library = path.stem.removesuffix("_compat")
    (bound,) = [each for each in declared(packages=True) if canonicalize_name(each.name) in distributions(library)]
    assert any(each.operator == "<" for each in bound.specifier), (
        f"{path.name} uses what {bound.name} does not promise: its versions must end somewhere, got {bound}"
    )


def test_a_version_of_everything_declared_is_held() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    held = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in held.items()}
    wrong = [
        f"{requirement} (held: {versions.get(canonicalize_name(requirement.name), 'none')})"
        for requirement in declared(packages=False)
        if versions.get(canonicalize_name(requirement.name), "") not in requirement.specifier
    ]
    assert not wrong, f"Write the versions that the tests ran with into constraints.txt: {wrong}"
