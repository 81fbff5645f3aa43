"""Sections of a file that may stand at a place, found from its pydantic models."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel

from spaces.errors import listed

Location = tuple[str | int, ...]
TAGS = ("kind", "quality")
"""Fields that say which section of several this is."""


def fields_at(location: Location, kind: type[BaseModel]) -> set[str]:
    """Return the field names of the section at a pydantic location."""
    return {
        field.alias or name for section in _sections_at(location, kind) for name, field in section.model_fields.items()
    }


def tags_at(location: Location, kind: type[BaseModel]) -> str:
    """Return the names of the sections at a pydantic location."""
    return listed(sorted(filter(None, map(_tag, _sections_at(location, kind)))))


def _sections_at(location: Location, kind: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the sections that are possible at a pydantic location."""
    sections: list[type[BaseModel]] = [kind]
    for part in location:
        if isinstance(part, int):
            continue
        named = [section for section in sections if part in (section.__name__, _tag(section))]
        inner = [child for section in sections for child in _sections(_annotation(section, part))]
        sections = named or inner or sections
    return sections


def _annotation(section: type[BaseModel], name: str) -> Any:
    return next((f.annotation for key, f in section.model_fields.items() if name in (key, f.alias)), None)


def _tag(section: type[BaseModel]) -> str | None:
    """Return the value of the field that selects a section, or None if it has no such field."""
    for name in TAGS:
        values = typing.get_args(section.model_fields[name].annotation) if name in section.model_fields else ()
        if len(values) == 1:
            return str(values[0])
    return None


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections inside a type such as `list[A | B] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in typing.get_args(annotation) for section in _sections(part)]
