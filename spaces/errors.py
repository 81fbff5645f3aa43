"""Exceptions of mixtune, and the nearest valid name for a misspelled one.

The text of an error is for people and may be reworded at any time. Programs and tests check its `code`: a few words in
kebab-case for the kind of fault, such as `study-unknown`, given where the error is raised and never renamed. Two places
share a code only if a reader would call both the same fault. An error without a code of its own has that of its class.
Faults that pydantic reports have pydantic's type in kebab-case: `extra-forbidden`, `greater-than`. The attributes
`field`, `line` and `path` give the location of a fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class MixtuneError(Exception):
    """Base class of every error that mixtune raises on purpose; the message is one paragraph for the user."""

    code: str = "error"
    """Kind of fault, for programs."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        """Store the message, and the code if it differs from that of the class."""
        super().__init__(message)
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """Preserve the message and the attributes when pickled, whatever arguments the constructor takes."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[MixtuneError], args: tuple[Any, ...], attributes: dict[str, Any]) -> MixtuneError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class FormerName(FutureWarning):
    """Warning that a file uses the former name of a field, which the next release refuses."""


class InputError(MixtuneError):
    """A file, folder, field or name given by the user cannot be used."""

    code = "input"


class FieldError(InputError):
    """A field of the study file has a value that does not fit the texts, the base or the tasks."""

    code = "field"

    def __init__(self, field: str, message: str, *, code: str | None = None) -> None:
        """Store the path of the field, such as `space.tuning.targets`, from which `located` finds the line."""
        super().__init__(f"{field}: {message}", code=code)
        self.field = field
        self.reason = message


class LineError(InputError):
    """A line of a .jsonl file cannot be used."""

    code = "line"

    def __init__(self, path: Path, line: int, field: str, message: str, *, code: str | None = None) -> None:
        """Store the location of the fault.

        Args:
            path: path of the file.
            line: line number, from 1; 0 for a record without a line.
            field: path within the line, such as `messages.2.content`, counted from 0; empty for the whole line.
            message: what must hold, what came, and what to do.
            code: kind of fault.
        """
        place = f"{str(path)!r}" + (f", line {line}" if line else "")
        super().__init__(f"{place}: {f'{field}: ' if field else ''}{message}", code=code)
        self.path = path
        self.line = line
        self.field = field


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in a YAML file."""

    line: int
    """Line number, from 1; 0 for the file as a whole."""
    field: str
    """Path of the field, such as `space.stages.0.texts`; empty if the fault is not in a field."""
    code: str
    says: str
    """Message: what must hold, what came, and what to do."""

    def shown(self, path: Path) -> str:
        """Return the location and the message of the fault."""
        line = f", line {self.line}" if self.line else ""
        return f"{path}{line}: {f'{self.field}: ' if self.field else ''}{self.says}"


class FileError(InputError):
    """A YAML file cannot be used; `line`, `field` and `code` are those of the first fault."""

    code = "file"

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        """Build the message from all faults (at least one), one paragraph each."""
        super().__init__("\n".join(fault.shown(path) for fault in faults), code=faults[0].code)
        self.path = path
        self.line = faults[0].line
        self.field = faults[0].field
        self.faults = tuple(faults)


class UnfitError(ValueError):
    """A section of a file cannot take a value; pydantic catches this error and adds the location."""

    def __init__(self, message: str, *, code: str) -> None:
        """Store the message (what must hold and what came) and the kind of fault."""
        super().__init__(message)
        self.code = code


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest valid word, or the empty string."""
    near = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return names for an error message: at most `most`, then the number of the others."""
    names = list(names)
    rest = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest if names else "none"
