"""What differs between a study and its study file, field by field, and what of it a study may go on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spaces import InputError
from studies.spec import StudySpec

_HARMLESS = ("search.", "artifacts", "space.texts.folder", "objective.prefix_cache_gb")
"""Fields, by their beginnings, that leave scores comparable: how the search goes on, and where files lie.

Texts in another folder are compared by their content, like all texts."""
_FOR_GOOD = ("search.secondary_objective",)
"""Fields among them that the database keeps as they are: the objectives of a study."""
_ABSENT = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs."""

    field: str
    old: Any
    new: Any

    @property
    def harmless(self) -> bool:
        """Whether trials before and after can be compared."""
        return self.field.startswith(_HARMLESS) and self.field not in _FOR_GOOD

    def __str__(self) -> str:
        return f"  {self.field}: {self.old!r} in the study, {self.new!r} in the file"


def changes(study: StudySpec, file: StudySpec) -> list[Change]:
    """The fields that differ; the name and the place of the database, by which the study was found, do not count."""
    old, new = (dict(_leaves(spec.to_dict())) for spec in (study, file))
    fields = [field for field in dict.fromkeys([*old, *new]) if field not in {"name", "storage"}]
    return [
        Change(field, old.get(field, _ABSENT), new.get(field, _ABSENT))
        for field in fields
        if old.get(field, _ABSENT) != new.get(field, _ABSENT)
    ]


def refuse_changed_file(study: StudySpec, file: StudySpec, again: str, *, allow: bool) -> None:
    """See that a study can go on with a study file.

    Args:
        study: as the study is.
        file: as the file wants it.
        again: the command that goes on with the study.
        allow: whether harmless changes are taken over.

    Raises:
        InputError: it cannot; the message has a line for every field that differs.
    """
    found = changes(study, file)
    grave = [change for change in found if not change.harmless]
    if grave:
        raise InputError(
            f"The study {study.name!r} cannot go on with this file: its new trials could not be compared with its old "
            "ones. Different are:\n" + "\n".join(map(str, grave)) + "\n"
            "Launch it as a new study (another `name:`), or restore these fields.",
            code="change-grave",
        )
    if found and not allow:
        raise InputError(
            f"The file differs from the study {study.name!r} in fields that leave its trials comparable:\n"
            + "\n".join(map(str, found))
            + f"\nGo on with the file's values: {again} --study FILE --allow",
            code="change-not-allowed",
        )


def _leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested dicts and lists of dicts with its dotted field."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list) and any(isinstance(item, dict) for item in data):
        for index, value in enumerate(data):
            yield from _leaves(value, f"{path}.{index}")
    else:
        yield path, data
