"""Differences between a study and its study file, by field, and which of them allow the study to resume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spaces import InputError
from studies.spec import StudySpec

_HARMLESS = ("search.", "artifacts", "space.texts.folder", "objective.prefix_cache_gb")
"""Prefixes of fields that leave scores comparable: how the search continues, and where files are stored.

Texts in another folder are compared by content, like all texts."""
_IMMUTABLE = ("search.secondary_objective",)
"""Exceptions among these fields: a study's objectives cannot be changed in the database."""
_ABSENT = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """A field whose value differs between the study and the file."""

    field: str
    old: Any
    new: Any

    @property
    def harmless(self) -> bool:
        """Whether trials before and after the change can be compared."""
        return self.field.startswith(_HARMLESS) and self.field not in _IMMUTABLE

    def __str__(self) -> str:
        return f"  {self.field}: {self.old!r} in the study, {self.new!r} in the file"


def changes(study: StudySpec, file: StudySpec) -> list[Change]:
    """Return the fields that differ, except the study's name and database, by which the study was found."""
    old, new = (dict(_leaves(spec.to_dict())) for spec in (study, file))
    fields = [field for field in dict.fromkeys([*old, *new]) if field not in {"name", "storage"}]
    return [
        Change(field, old.get(field, _ABSENT), new.get(field, _ABSENT))
        for field in fields
        if old.get(field, _ABSENT) != new.get(field, _ABSENT)
    ]


def refuse_changed_file(study: StudySpec, file: StudySpec, again: str, *, allow: bool) -> None:
    """Check that a study can resume with a study file.

    Args:
        study: stored specification of the study.
        file: specification in the study file.
        again: command that resumes the study.
        allow: whether harmless changes are accepted.

    Raises:
        InputError: the study cannot resume with the file; the message has a line for every field that differs.
    """
    differences = changes(study, file)
    grave = [change for change in differences if not change.harmless]
    if grave:
        raise InputError(
            f"The study {study.name!r} cannot resume with this file: its new trials could not be compared with its old "
            "ones. These fields differ:\n" + "\n".join(map(str, grave)) + "\n"
            "Launch it as a new study (another `name:`), or restore these fields.",
            code="change-grave",
        )
    if differences and not allow:
        raise InputError(
            f"The file differs from the study {study.name!r} in fields that leave its trials comparable:\n"
            + "\n".join(map(str, differences))
            + f"\nTo resume with the file's values: {again} --study FILE --allow",
            code="change-not-allowed",
        )


def _leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of nested dicts and lists of dicts with its dotted field."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list) and any(isinstance(item, dict) for item in data):
        for index, value in enumerate(data):
            yield from _leaves(value, f"{path}.{index}")
    else:
        yield path, data
