"""The root of mixtune's exceptions, and the nearest valid name for a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class MixtuneError(Exception):
    """Root of every error that mixtune raises on purpose; its text is one paragraph for the user."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep text and attributes on the way from a worker, whatever the constructor takes."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[MixtuneError], args: tuple[Any, ...], attributes: dict[str, Any]) -> MixtuneError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class InputError(MixtuneError):
    """Something that the user gave (a file, a folder, a field, a name) cannot be used."""


class FieldError(InputError):
    """A field of the study file has a value that does not fit the texts, the base or the tasks."""

    def __init__(self, field: str, message: str) -> None:
        """Keep the field's path, such as `space.tuning.targets`, for whoever knows its line."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.reason = message


class LineError(InputError):
    """A line of a .jsonl file cannot be used."""

    def __init__(self, path: Path, line: int, field: str, message: str) -> None:
        """Keep where the fault stands.

        Args:
            path: of the file.
            line: its number from 1; 0 for a record that stands in no line.
            field: within the line, such as `messages.2.content`, counted from 0; empty for the whole line.
            message: what must hold, what came, and what to do.
        """
        place = f"{str(path)!r}" + (f", line {line}" if line else "")
        super().__init__(f"{place}: {f'{field}: ' if field else ''}{message}")
        self.path = path
        self.line = line
        self.field = field


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the nearest valid word, or the empty string."""
    near = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for an error message: at most `most`, then how many more."""
    names = list(names)
    rest = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest if names else "none"
