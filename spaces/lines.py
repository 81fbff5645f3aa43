"""Lines of a .jsonl file: plain text, or instructions with answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.errors import InputError, listed

_FORMS = (
    "an object with `text`, with `prompt` and `completion`, or with `messages`, a list of objects with `role` and "
    "`content` whose last role is `assistant`"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a .jsonl file."""

    number: int
    """From 1, as an editor counts."""
    text: str
    """All that can be read in it."""
    messages: tuple[tuple[str, str], ...] = ()
    """Role and content of every turn; empty for plain text."""


def parse_lines(path: Path, content: str) -> Iterator[Line]:
    """The lines that are not empty.

    Raises:
        InputError: a line is none of the forms; the message gives its number.
    """
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{str(path)!r}, line {number}: not JSON ({error}). Mend or remove the line.") from error
        messages = _messages(record)
        if messages is None:
            keys = f"the fields {listed(record)}" if isinstance(record, dict) else type(record).__name__
            raise InputError(f"{str(path)!r}, line {number}: every line must be {_FORMS}; got {keys}.")
        text = "\n".join(content for _, content in messages) if messages else record["text"]
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InputError(
                f"{str(path)!r}, line {number}: it holds half of a character (a lone surrogate), which no text has. "
                "Mend or remove the line."
            )
        yield Line(number, text, messages)


def _messages(record: Any) -> tuple[tuple[str, str], ...] | None:
    """The turns of a record, none for plain text; None where it is no record."""
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("text"), str):
        return ()
    if isinstance(record.get("prompt"), str) and isinstance(record.get("completion"), str):
        return (("user", record["prompt"]), ("assistant", record["completion"]))
    turns = record.get("messages")
    if not isinstance(turns, list) or not turns:
        return None
    found = []
    for turn in turns:
        if not (isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)):
            return None
        found.append((turn["role"], turn["content"]))
    return tuple(found) if found[-1][0] == "assistant" else None
