"""Reading of YAML files; every error names the line, the field, the value, the allowed values and the nearest one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from spaces.errors import Fault, FieldError, FileError, FormerName, InputError, UnfitError, did_you_mean, listed
from spaces.yaml.bare_words import READ_AS, advice, read_as, scalars, value
from spaces.yaml.sections import TAGS, Location, fields_at, tags_at
from spaces.yaml.words import LEADING_ZERO, Loader

_Model = TypeVar("_Model", bound=BaseModel)
_Details = Mapping[str, Any]
"""One of the errors of pydantic's `ValidationError`."""
_KEY = "[key]"
"""Last part of pydantic's location of a key."""
_TEXTS = ("string_type", "path_type")
"""Pydantic's error types for values that must be text."""


def read_file(path: Path, kind: type[_Model], what: str, first: str, hint: str = "") -> _Model:
    """Read and check a file.

    Args:
        path: path of the file.
        kind: model that the content must fit.
        what: the model in words, such as `study file`.
        first: first line of such a file, for messages.
        hint: how to create such a file, appended to the message if the file cannot be read.

    Raises:
        InputError: the file cannot be read.
        FileError: its content cannot be used; one paragraph for each fault.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        near = sorted(other.name for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise InputError(
            f"The {what} {str(path)!r} cannot be read: {error.strerror}.{did_you_mean(path.name, near)}{hint}",
            code="file-unreadable",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} {str(path)!r} is not UTF-8: byte offset {error.start}.", code="file-undecodable"
        ) from error
    return parse(content, path, kind, what, first)


def parse(content: str, path: Path, kind: type[_Model], what: str, first: str) -> _Model:
    """Parse and check the content of a file; `path` is for messages, the other arguments are those of `read_file`.

    Raises:
        FileError: see `read_file`.
    """
    try:
        root = yaml.compose(content, Loader=Loader)
        data = yaml.load(content, Loader=Loader)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        fault = Fault(line, "", "not-yaml", f"this is not YAML: {error.problem}.")
        raise FileError(path, [fault]) from error
    except (yaml.YAMLError, ValueError) as error:  # a control character
        fault = Fault(0, "", "not-yaml", f"this cannot be read as YAML: {' '.join(str(error).split())}.")
        raise FileError(path, [fault]) from error
    if not isinstance(root, yaml.MappingNode):
        says = f"a {what} is a list of `field: value` lines, starting with `{first}`."
        raise FileError(path, [Fault(0, "", "not-fields", says)])
    _refuse_duplicates(root, path, ())
    _refuse_leading_zeros(root, path)
    former: dict[str, str] = {}  # current to former names, for the fields whose former name the file uses
    try:
        parsed = kind.model_validate(data, context=former)
    except ValidationError as error:
        raise FileError(path, list(_faults(error.errors(), root, kind, former))) from error
    _warn_of(former, str(path))
    return parsed


def validated(data: Mapping[str, Any], kind: type[_Model], what: str) -> _Model:
    """Check data that a Python caller gives, with the messages of a file; arguments are those of `read_file`.

    Raises:
        FileError: the data cannot be used; one paragraph for each mistake.
    """
    former: dict[str, str] = {}
    try:
        valid = kind.model_validate(data, context=former)
    except ValidationError as error:
        root = yaml.compose(yaml.safe_dump(json.loads(json.dumps(data, default=str))), Loader=Loader)
        assert root is not None
        faults = (replace(fault, line=0) for fault in _faults(error.errors(), root, kind, {}))
        raise FileError(Path(what), list(faults)) from error
    _warn_of(former, what)
    return valid


def _warn_of(former: Mapping[str, str], where: str) -> None:
    """Warn of former names; `former`: current to former names of the fields that use them."""
    for new, old in former.items():
        warnings.warn(
            f"{where}: the field `{old}` is now called `{new}`. The old name works in this release; rename it.",
            FormerName,
            stacklevel=3,
        )


@contextmanager
def located(path: Path) -> Iterator[None]:
    """Add the file and the line to an error about one of its fields."""
    try:
        yield
    except FieldError as error:
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
        except (OSError, yaml.YAMLError):  # it was moved or changed since it was read: its fault is all that is known
            raise error from None
        place = tuple(int(part) if part.isdigit() else part for part in error.field.split("."))
        line = 1 if root is None else _line(place, root)
        raise FileError(path, [Fault(line, error.field, error.code, error.reason)]) from error


def code_of(error: _Details) -> str:
    """Return the code of an error from pydantic: that of the `UnfitError` that caused it, or else pydantic's type."""
    own = error.get("ctx", {}).get("error")
    return own.code if isinstance(own, UnfitError) else error["type"].replace("_", "-")


def _refuse_leading_zeros(root: yaml.Node, path: Path) -> None:
    """Refuse numbers such as `010`, on which YAML readers disagree."""
    for word in scalars(root):
        if not word.style and LEADING_ZERO.fullmatch(word.value):
            says = (
                f"some YAML readers take `{word.value}` for an octal number. Write a number without the leading "
                "zero, or text in quotes."
            )
            raise FileError(path, [Fault(word.start_mark.line + 1, "", "leading-zero", says)])


def _refuse_duplicates(node: yaml.Node, path: Path, where: Location) -> None:
    """Refuse duplicate fields, of which YAML readers silently take the last."""
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                says = f"this field appears twice, first on line {lines[key.value]}. Keep one."
                raise FileError(path, [Fault(line, _dotted((*where, key.value)), "field-twice", says)])
            lines[key.value] = line
            _refuse_duplicates(value, path, (*where, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_duplicates(item, path, (*where, index))


def _faults(
    errors: Sequence[_Details], root: yaml.Node, kind: type[BaseModel], former: Mapping[str, str]
) -> Iterator[Fault]:
    """Yield a fault for each error; `former`: current to former names that the file uses."""
    for error in errors:
        place = _in_file(error["loc"], root, kind, former)
        word = _bare_word(error, place, root)
        if word and error["loc"][-1] == _KEY:
            place = (*place, word.value)
        yield Fault(_line(place, root), _dotted(place), code_of(error), _describe(error, kind, word))


def _bare_word(error: _Details, place: Location, root: yaml.Node) -> yaml.ScalarNode | None:
    """Return the unquoted word that YAML did not read as text although text is required, if that caused the error."""
    requires_text = error["type"] in _TEXTS or (error["type"] == "literal_error" and "'" in error["msg"])
    if not requires_text or isinstance(error["input"], str):
        return None
    node: yaml.Node | None = root
    for part in place:
        node = _child(node, part)
    if error["loc"][-1] == _KEY and isinstance(node, yaml.MappingNode):
        keys = (key for key, _ in node.value if key.tag in READ_AS)
        node = next((key for key in keys if repr(value(key)) == repr(error["input"])), None)
    return node if isinstance(node, yaml.ScalarNode) and node.tag in READ_AS and node.value else None


def _in_file(location: Location, root: yaml.Node, kind: type[BaseModel], former: Mapping[str, str]) -> Location:
    """Return the part of a pydantic location that exists in the file, without labels of union members."""
    place: list[str | int] = []
    node: yaml.Node | None = root
    for part in location:
        child = _child(node, part)
        if child is None and part in former:
            part = former[str(part)]  # noqa: PLW2901  the file uses the former name in this section
            child = _child(node, part)
        if child is not None:
            place.append(part)
            node = child
    if location and isinstance(location[-1], str) and _is_missing_field(location[-1], place, location, kind):
        place.append(location[-1])
    return tuple(place)


def _is_missing_field(name: str, place: list[str | int], location: Location, kind: type[BaseModel]) -> bool:
    return (not place or place[-1] != name) and name in fields_at(location[:-1], kind)


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None


def _line(place: Location, root: yaml.Node) -> int:
    """Return the line of a field, or of the longest part of its path that exists in the file; numbered from 1."""
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


def _describe(error: _Details, kind: type[BaseModel], bare: yaml.ScalarNode | None) -> str:
    """Return the message of an error; `bare` is the unquoted word that caused the error, if one did."""
    if bare and error["type"] != "literal_error":
        return f"this must be text. {read_as(bare)}. {advice(bare)}"
    if bare:
        return f"{error['msg'][0].lower()}{error['msg'][1:]}. {read_as(bare)}."
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            allowed = sorted(fields_at(error["loc"][:-1], kind))
            word = str(error["loc"][-1])
            return f"there is no field {word!r} here.{did_you_mean(word, allowed)} Allowed: {listed(allowed, 20)}."
        case "model_type":
            return "this is a section: put its fields on the lines below it, indented."
        case "missing":
            return "this field is required."
        case "union_tag_invalid":
            kinds = str(context["expected_tags"]).replace("'", "").split(", ")
            word = str(context["tag"])
            tag = str(context["discriminator"]).strip("'")
            tag = tag if tag in TAGS else TAGS[0]
            return f"`{tag}` must be one of {listed(kinds)}; got {word!r}.{did_you_mean(word, kinds)}"
        case "union_tag_not_found":
            tag = str(context["discriminator"]).strip("'")
            return f"say which `{tag if tag in TAGS else TAGS[0]}` this is: {tags_at(error['loc'], kind)}."
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = repr(error["input"])
    got = "" if "got" in message or len(shown) > 60 or "password" in message else f"; got {shown}"
    return f"{message}{got}" + ("" if message.endswith(("?", ".")) else ".")


def _dotted(place: Location) -> str:
    return ".".join(str(part) for part in place)
