"""Pages that are generated from the code when the documentation is built, so that they cannot be untrue."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from objectives.scoring.spec import SCORERS
from objectives.spec import FinetuneSpec, FunctionSpec, SyntheticSpec
from search.pruners import PRUNERS
from search.samplers import SAMPLERS
from search.secondary import SECONDARY_OBJECTIVES
from search.spec import SearchSpec
from spaces.choices import FloatRange, IntRange
from spaces.functions import UserFunction
from spaces.methods import METHODS
from spaces.spec import SpaceSpec
from studies.cli import app
from studies.spec import StudySpec

_ROOT = Path(__file__).parents[2]
_SECTIONS = {"space": SpaceSpec, "search": SearchSpec}
_OBJECTIVES = (FinetuneSpec, FunctionSpec, SyntheticSpec)

_ABOUT_FILE = """A study file is YAML. This page is generated from the classes that check it: unknown fields and wrong
values are refused with their line. A field whose type says *or a list, or a range* is searched if you give a list or
`{low: …, high: …}`, and fixed otherwise."""
_ABOUT_COMMANDS = """This page is generated from the program. `mixtune COMMAND --help` prints the same;
`mixtune --install-completion` installs completion for your shell."""
_ABOUT_STATUS = """Exit status: 0 after success; 1 after an error, with one paragraph on standard error; 2 for a wrong
option; 130 after Ctrl-C, 143 after SIGTERM."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {
        "reference/study-file.md": _study_file(),
        "reference/command-line.md": _command_line(),
        "changelog.md": (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def _study_file() -> str:
    parts = [
        "# Study file",
        _ABOUT_FILE,
        *_section("The study", StudySpec),
        *_section("`space:` what may vary", SpaceSpec),
        "## `objective:` how a choice becomes a score",
    ]
    for model in _OBJECTIVES:
        parts += _section(f"`objective:` of kind `{_kind(model)}`", model, level=3)
    for name, model in SCORERS.items():
        parts += _section(f"`objective.scores`, kind `{name}`", model, level=3)
    parts += _section("`search:` how the next trial is chosen", SearchSpec)
    parts += [
        "## Names of kinds",
        _listed("Methods of tuning (`space.tuning.method`)", METHODS),
        _listed("Samplers (`search.sampler`)", SAMPLERS),
        _listed("Pruners (`search.pruner`)", PRUNERS),
        _listed("Secondary objectives (`search.secondary_objective`)", SECONDARY_OBJECTIVES),
        "Another package adds a kind by an entry point, see [Write your own scorer](../how-to/own-scorer.md).",
    ]
    return "\n\n".join(parts) + "\n"


def _listed(title: str, names: Iterable[str]) -> str:
    return f"{title}: " + ", ".join(f"`{name}`" for name in names) + "."


def _section(title: str, model: type[BaseModel], level: int = 2) -> Iterator[str]:
    """A section of the file as a table, and the sections inside it."""
    yield f"{'#' * level} {title}"
    yield inspect.cleandoc(model.__doc__ or "")
    said = _field_docs(model)
    rows = [
        f"| `{field.alias or name}` | {_shape(field.annotation)} | {_default(field)} | {said.get(name, '')} |"
        for name, field in model.model_fields.items()
    ]
    yield "\n".join(["| field | type | default | meaning |", "| --- | --- | --- | --- |", *rows])
    former = getattr(model, "former", {})
    if former:
        renamed = ", ".join(f"`{old}` is now `{new}`" for old, new in former.items())
        yield f"Former names, read for one release more: {renamed}."
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            if inner not in (*_SECTIONS.values(), *_OBJECTIVES, *SCORERS.values(), IntRange, FloatRange):
                yield from _section(f"`{name}`: {inner.__name__.removesuffix('Spec')}", inner, min(level + 1, 5))


def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Name of a field to the docstring below it, in the class and its bases."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(tree, ast.ClassDef)
        for statement, after in zip(tree.body, tree.body[1:], strict=False):
            named = isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                found[statement.target.id] = " ".join(str(after.value.value).split()).replace("|", "\\|")  # type: ignore[union-attr]
    return found


def _kind(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["kind"].annotation)[0])


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _shape(annotation: Any) -> str:
    """A type in words."""
    words = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}
    if annotation in words:
        return words[annotation]
    if isinstance(annotation, type) and issubclass(annotation, UserFunction):
        return "`module:name`"
    if isinstance(annotation, type) and issubclass(annotation, IntRange | FloatRange):
        return "a range"
    if isinstance(annotation, type):
        return "section"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is list:
        return f"a list of {_shape(inner[0])}"
    if origin is dict:
        return "mapping"
    if origin in (Union, UnionType):
        return ", or ".join(dict.fromkeys(_shape(part) for part in inner if part is not type(None)))
    return _shape(inner[0]) if inner else "value"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True) if field.default is PydanticUndefined else field.default
    if value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, list) and all(isinstance(item, float) for item in value):
        value = f"[{', '.join(f'{item:.3g}' for item in value)}]" if value else []
    return f"`{f'{value:g}' if isinstance(value, float) else value}`" if value not in ([], {}) else "none"


def _command_line() -> str:
    parts = [
        "# Command line",
        _ABOUT_COMMANDS,
        _ABOUT_STATUS,
        *_commands(typer.main.get_command(app), "mixtune"),
    ]
    return "\n\n".join(parts) + "\n"


def _commands(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for each, inner in command.commands.items():
            yield from _commands(inner, f"{name} {each}")
        return
    yield f"## `{name}`"
    yield inspect.cleandoc(command.help or "")
    context = click.Context(command, info_name=name)
    yield f"<!-- not executed: usage -->\n```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    rows = [row for parameter in command.params if (row := _parameter(parameter, context))]
    yield "\n".join(["| option | meaning | default |", "| --- | --- | --- |", *rows])


def _parameter(parameter: click.Parameter, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{parameter.human_readable_name.upper()}`"
    default = parameter.get_default(context, call=False)
    shown = "" if default in (None, False, ()) else f"`{default}`"
    said = str(getattr(parameter, "help", "") or "").replace("|", "\\|")
    return f"| {names} | {said} | {'required' if parameter.required else shown} |"
