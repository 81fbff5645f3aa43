"""Reading study.yaml: every error names the line, the field, what came, what is allowed and the nearest word."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from spaces.errors import FieldError, InputError, did_you_mean, listed
from studies.spec import StudySpec

_Location = tuple[str | int, ...]


def read_study(path: Path) -> StudySpec:
    """Read and check a study file; relative paths in it start at its folder.

    Raises:
        InputError: one paragraph for each thing that is wrong.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        near = sorted(other.name for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise InputError(
            f"The study file {str(path)!r} cannot be read: {error.strerror}.{did_you_mean(path.name, near)} "
            "`mixtune init FOLDER` writes one for a folder of texts."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The study file {str(path)!r} is not UTF-8: byte offset {error.start}.") from error
    return parse_study(content, path).anchored(path.parent.resolve())


def parse_study(content: str, path: Path) -> StudySpec:
    """Check the text of a study file; `path` is for messages.

    Raises:
        InputError: see `read_study`.
    """
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
        data = yaml.safe_load(content)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}, line {line}: this is not YAML: {error.problem}.") from error
    except (yaml.YAMLError, ValueError) as error:  # a control character; a date that does not exist
        raise InputError(f"{path}: this cannot be read as YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}: a study file is a list of `field: value` lines, starting with `name: my-study`.")
    _refuse_duplicates(root, path, ())
    try:
        return StudySpec.model_validate(data)
    except ValidationError as error:
        raise InputError("\n".join(_messages(error.errors(), root, path))) from error


@contextmanager
def located(path: Path) -> Iterator[None]:
    """Add the study file and the line to an error about one of its fields."""
    try:
        yield
    except FieldError as error:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        place = tuple(int(part) if part.isdigit() else part for part in error.field.split("."))
        line = 1 if root is None else _line(place, root)
        raise InputError(f"{path}, line {line}: {error}") from error


def _refuse_duplicates(node: yaml.Node, path: Path, where: _Location) -> None:
    """YAML readers take the last of two equal fields in silence; a study file must not have two."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise InputError(
                    f"{path}, line {line}: the field {_dotted((*where, key.value))!r} stands twice, first on line "
                    f"{seen[key.value]}. Keep one."
                )
            seen[key.value] = line
            _refuse_duplicates(value, path, (*where, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_duplicates(item, path, (*where, index))


def _messages(errors: list[ErrorDetails], root: yaml.Node, path: Path) -> Iterator[str]:
    """One message for each thing that is wrong."""
    for error in errors:
        place = _in_file(error["loc"], root)
        yield f"{path}, line {_line(place, root)}: {_dotted(place)}: {_describe(error)}"


def _in_file(location: _Location, root: yaml.Node) -> _Location:
    """The part of a pydantic location that the file has; labels of union members are left out."""
    found: list[str | int] = []
    node: yaml.Node | None = root
    for part in location:
        child = _child(node, part)
        if child is not None:
            found.append(part)
            node = child
    if location and isinstance(location[-1], str) and _is_missing_field(location[-1], found, location):
        found.append(location[-1])
    return tuple(found)


def _is_missing_field(name: str, found: list[str | int], location: _Location) -> bool:
    return (not found or found[-1] != name) and name in _fields_at(location[:-1])


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None


def _line(place: _Location, root: yaml.Node) -> int:
    """Line of a field, or of the nearest part of its path that the file has; numbered from 1."""
    node: yaml.Node = root
    line = root.start_mark.line + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            line = next((key.start_mark.line + 1 for key, _ in node.value if key.value == part), line)
        child = _child(node, part)
        if child is None:
            break
        if isinstance(node, yaml.SequenceNode):
            line = child.start_mark.line + 1
        node = child
    return line


def _describe(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            allowed = sorted(_fields_at(error["loc"][:-1]))
            word = str(error["loc"][-1])
            return f"there is no field {word!r} here.{did_you_mean(word, allowed)} Allowed: {listed(allowed, 20)}."
        case "model_type":
            return "this is a section: put its fields on the lines below it, indented."
        case "missing":
            return "this field is required."
        case "union_tag_invalid":
            kinds = str(context["expected_tags"]).replace("'", "").split(", ")
            word = str(context["tag"])
            return f"`kind` must be one of {listed(kinds)}; got {word!r}.{did_you_mean(word, kinds)}"
        case "union_tag_not_found":
            return "say which `kind` this is: benchmark or heldout."
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = repr(error["input"])
    came = "" if "got" in message or len(shown) > 60 or "password" in message else f"; got {shown}"
    return f"{message}{came}" + ("" if message.endswith(("?", ".")) else ".")


def _dotted(place: _Location) -> str:
    return ".".join(str(part) for part in place) or "the study"


def _fields_at(location: _Location) -> set[str]:
    """Field names of the section at a pydantic location."""
    sections: list[type[BaseModel]] = [StudySpec]
    for part in location:
        if isinstance(part, int):
            continue
        named = [section for section in sections if part in (section.__name__, _tag(section))]
        inner = [child for section in sections for child in _sections(_annotation(section, part))]
        sections = named or inner or sections
    return {field.alias or name for section in sections for name, field in section.model_fields.items()}


def _annotation(section: type[BaseModel], name: str) -> Any:
    return next((f.annotation for key, f in section.model_fields.items() if name in (key, f.alias)), None)


def _tag(section: type[BaseModel]) -> str | None:
    """The value of `kind` that selects a section."""
    field = section.model_fields.get("kind")
    return None if field is None else str(typing.get_args(field.annotation)[0])


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """The sections inside a type such as `list[A | B] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in typing.get_args(annotation) for section in _sections(part)]
