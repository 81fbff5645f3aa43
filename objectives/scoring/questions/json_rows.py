"""Read the objects of a JSON file, one per line, in a list, or in a field, each with its line number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from objectives.scoring.questions.error import QuestionError, QuestionFault

_BLANK = " \t\r\n"


def json_rows(file: Path, content: str, field: str | None = None) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Yield the objects of a file with the lines on which they begin; None as the line of objects in a `field`.

    Raises:
        QuestionError: the file is not valid JSON, an item is not an object, or an object has a field twice.
    """
    for line, value in _under(file, content, field) if field else _values(file, content):
        if not isinstance(value, dict):
            raise _unreadable(file, line, f"every question must be an object with fields; got {type(value).__name__}")
        yield line, value


def refuse_half_characters(file: Path, line: int | None, fields: object) -> None:
    """Check that no text contains a lone surrogate, half of a character, which only JSON can write.

    Raises:
        QuestionError: a text contains one.
    """
    if isinstance(fields, str):
        if any("\ud800" <= letter <= "\udfff" for letter in fields):
            raise _unreadable(file, line, "it must not contain a lone surrogate (half of a character)")
    elif isinstance(fields, dict | list):
        for value in fields.values() if isinstance(fields, dict) else fields:
            refuse_half_characters(file, line, value)


def _under(file: Path, content: str, field: str) -> Iterator[tuple[int | None, Any]]:
    """Yield the objects of a list in a field of the file's only object."""
    values = [value for _, value in _values(file, content)]
    rows = values[0].get(field) if len(values) == 1 and isinstance(values[0], dict) else None
    if not isinstance(rows, list):
        raise _unreadable(file, None, f"it must be one object with a list of questions in the field {field!r}")
    for row in rows:
        yield None, row


def _values(file: Path, content: str) -> Iterator[tuple[int, Any]]:
    """Yield the values of a file with their lines; a top-level list yields its items."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)
    place, line = 0, 1
    in_list = False
    while True:
        start = _skip(content, place, _BLANK + ("," if in_list else ""))
        line += content.count("\n", place, start)
        place = start
        if place == len(content):
            if in_list:
                raise _unreadable(file, line, "the list has no end (`]`)")
            return
        if content[place] in "[]" and in_list == (content[place] == "]"):
            in_list = not in_list
            place += 1
            continue
        try:
            value, end = decoder.raw_decode(content, place)
        except json.JSONDecodeError as error:
            # the line of the last content before the error
            last = content.count("\n", 0, len(content[: error.pos].rstrip())) + 1
            raise _unreadable(file, max(line, last), f"it is not JSON ({error.msg})") from error
        except (ValueError, RecursionError) as error:
            raise _unreadable(file, line, f"it is not JSON ({error})") from error
        yield line, value
        line += content.count("\n", place, end)
        place = end


def _skip(content: str, place: int, signs: str) -> int:
    while place < len(content) and content[place] in signs:
        place += 1
    return place


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object and reject duplicate fields, of which JSON readers silently keep the last."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the field {next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return fields


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number in JSON")


def _unreadable(file: Path, line: int | None, reason: str) -> QuestionError:
    return QuestionError("", [QuestionFault("line", reason, file=file, line=line)])
