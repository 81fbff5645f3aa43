"""mixtune's exceptions, and the nearest valid name for a wrong one.

An error's text is for people and may be reworded at any time. What programs and tests ask is its `code`: a few words
in kebab-case for the kind of fault, such as `study-unknown`, given where the error is raised and never renamed. Two
places share a code only where a reader would call both the same fault. An error without a code of its own has that of
its class. Faults that pydantic finds have pydantic's type, in kebab-case: `extra-forbidden`, `greater-than`. Where a
fault stands is told by `field`, `line` and `path`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class MixtuneError(Exception):
    """Root of every error that mixtune raises on purpose; its text is one paragraph for the user."""

    code: str = "error"
    """The kind of fault, for programs."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        """Take the text, and the code where it is another than the class's."""
        super().__init__(message)
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep text and attributes on the way from a worker, whatever the constructor takes."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[MixtuneError], args: tuple[Any, ...], attributes: dict[str, Any]) -> MixtuneError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class FormerName(FutureWarning):
    """A file uses the former name of a field; the next release refuses it."""


class InputError(MixtuneError):
    """Something that the user gave (a file, a folder, a field, a name) cannot be used."""

    code = "input"


class FieldError(InputError):
    """A field of the study file has a value that does not fit the texts, the base or the tasks."""

    code = "field"

    def __init__(self, field: str, message: str, *, code: str | None = None) -> None:
        """Keep the field's path, such as `space.tuning.targets`, for whoever knows its line."""
        super().__init__(f"{field}: {message}", code=code)
        self.field = field
        self.reason = message


class LineError(InputError):
    """A line of a .jsonl file cannot be used."""

    code = "line"

    def __init__(self, path: Path, line: int, field: str, message: str, *, code: str | None = None) -> None:
        """Keep where the fault stands.

        Args:
            path: of the file.
            line: its number from 1; 0 for a record that stands in no line.
            field: within the line, such as `messages.2.content`, counted from 0; empty for the whole line.
            message: what must hold, what came, and what to do.
            code: the kind of fault.
        """
        place = f"{str(path)!r}" + (f", line {line}" if line else "")
        super().__init__(f"{place}: {f'{field}: ' if field else ''}{message}", code=code)
        self.path = path
        self.line = line
        self.field = field


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a YAML file."""

    line: int
    """From 1; 0 for the file as a whole."""
    field: str
    """Its path, such as `space.stages.0.texts`; empty where the fault is no field's."""
    code: str
    says: str
    """What must hold, what came, and what to do."""

    def shown(self, path: Path) -> str:
        """Return the place and what is wrong."""
        line = f", line {self.line}" if self.line else ""
        return f"{path}{line}: {f'{self.field}: ' if self.field else ''}{self.says}"


class FileError(InputError):
    """A YAML file cannot be used; `line`, `field` and `code` are those of the first fault."""

    code = "file"

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        """Say all that is wrong, a paragraph for each; at least one fault."""
        super().__init__("\n".join(fault.shown(path) for fault in faults), code=faults[0].code)
        self.path = path
        self.line = faults[0].line
        self.field = faults[0].field
        self.faults = tuple(faults)


class UnfitError(ValueError):
    """A value that a section of a file cannot take; pydantic catches it and says where it stands."""

    def __init__(self, message: str, *, code: str) -> None:
        """Take what must hold and what came, and the kind of fault."""
        super().__init__(message)
        self.code = code


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the nearest valid word, or the empty string."""
    near = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for an error message: at most `most`, then how many more."""
    names = list(names)
    rest = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest if names else "none"
