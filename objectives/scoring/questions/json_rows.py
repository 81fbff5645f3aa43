"""Objects of a JSON file, one a line, in a list, or under a field, each with the line where it begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from objectives.scoring.questions.error import QuestionError, QuestionFault

_BLANK = " \t\r\n"


def json_rows(file: Path, content: str, field: str | None = None) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Read objects with the lines where they begin; where they stand under a `field`, without.

    Raises:
        QuestionError: something is no JSON, no object, has a field twice, or a number that JSON does not have.
    """
    for line, value in _under(file, content, field) if field else _values(file, content):
        if not isinstance(value, dict):
            raise _unreadable(file, line, f"every question must be an object with fields; got {type(value).__name__}")
        yield line, value


def refuse_half_characters(file: Path, line: int | None, fields: object) -> None:
    """See that no text holds half of a character (a lone surrogate), which only JSON can write.

    Raises:
        QuestionError: one does.
    """
    if isinstance(fields, str):
        if any("\ud800" <= letter <= "\udfff" for letter in fields):
            raise _unreadable(file, line, "it holds half of a character (a lone surrogate), which no text has")
    elif isinstance(fields, dict | list):
        for each in fields.values() if isinstance(fields, dict) else fields:
            refuse_half_characters(file, line, each)


def _under(file: Path, content: str, field: str) -> Iterator[tuple[int | None, Any]]:
    """The objects of a list that stands under a field of one object."""
    found = [value for _, value in _values(file, content)]
    rows = found[0].get(field) if len(found) == 1 and isinstance(found[0], dict) else None
    if not isinstance(rows, list):
        raise _unreadable(file, None, f"it must be one object with a list of questions as {field!r}")
    for row in rows:
        yield None, row


def _values(file: Path, content: str) -> Iterator[tuple[int, Any]]:
    """The values of a file one after the other, those of a list at its top one by one."""
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
            last = content.count("\n", 0, len(content[: error.pos].rstrip())) + 1  # not that of what comes after
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
    """An object's fields; readers of JSON take the last of two equal ones in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the field {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _unreadable(file: Path, line: int | None, says: str) -> QuestionError:
    return QuestionError("", [QuestionFault("line", says, file=file, line=line)])
