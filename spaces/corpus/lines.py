"""Lines of a .jsonl file: plain text or dialogues, in the formats of public data sets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.corpus.dialogues import ANSWERS, REASONING, Turn, check_turns, read_tools, read_turns, readable
from spaces.errors import FieldError, LineError, did_you_mean, listed

_Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a .jsonl file."""

    number: int
    """Line number, from 1."""
    text: str
    """All readable text of the line."""
    messages: tuple[Turn, ...] = ()
    """Every turn of a dialogue; empty for plain text."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON schemas of the functions that the dialogue may call."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a line may have."""

    words: str
    """Description of the form, for messages."""
    fields: tuple[str, ...]
    """Fields that a line of this form has; the last one shows whether the form is filled."""
    turns: Callable[[_Record], list[Turn]]
    """Function that returns the turns of a record; empty for plain text."""


def _plain(record: _Record) -> list[Turn]:
    _string(record, "text")
    return []


def _pair(record: _Record) -> list[Turn]:
    """Return the turns of a prompt with its completion: two strings or, as in TRL, two lists of turns.

    Only the turns of the completion are learned.
    """
    if isinstance(record["prompt"], list) and isinstance(record["completion"], list):
        prompt = _not_empty(read_turns(record["prompt"], "prompt", learned=False), "prompt")
        return prompt + _not_empty(read_turns(record["completion"], "completion"), "completion")
    return [
        Turn("user", _string(record, "prompt"), place="prompt"),
        Turn(ANSWERS, _string(record, "completion"), place="completion"),
    ]


def _alpaca(record: _Record) -> list[Turn]:
    if record.get("history"):
        raise FieldError(
            "history",
            "earlier turns are not read from this field. Give the whole dialogue as `messages`.",
            code="history-unread",
        )
    extra = _string(record, "input") if record.get("input") is not None else ""
    prompt = "\n\n".join(filter(None, (_string(record, "instruction"), extra)))
    return [Turn("user", prompt, place="instruction"), Turn(ANSWERS, _string(record, "output"), place="output")]


def _listed_in(field: str) -> Callable[[_Record], list[Turn]]:
    return lambda record: _not_empty(read_turns(record[field], field), field)


def _not_empty(turns: list[Turn], field: str) -> list[Turn]:
    if not turns:
        raise FieldError(
            field, "this list must have a turn; it is empty. Fill it, or remove the line.", code="turns-empty"
        )
    return turns


def _string(record: _Record, field: str) -> str:
    value = record[field]
    if not isinstance(value, str):
        got = "null" if value is None else type(value).__name__
        raise FieldError(field, f"this must be text; got {got}.", code="not-text")
    return value


FORMS = (
    Form("`text`", ("text",), _plain),
    Form("`messages` (turns with `role` and `content`)", ("messages",), _listed_in("messages")),
    Form("`prompt` and `completion` (both text, or both lists of turns)", ("prompt", "completion"), _pair),
    Form("`instruction`, `input` and `output` (Alpaca)", ("instruction", "output"), _alpaca),
    Form("`conversations` (turns with `from` and `value`, ShareGPT)", ("conversations",), _listed_in("conversations")),
)
"""All supported forms."""


def parse_lines(path: Path, content: str) -> Iterator[Line]:
    """Yield the lines that are not empty.

    Raises:
        LineError: a line has none of the forms, has two of them, or is otherwise invalid.
    """
    for number, line in enumerate(re.split(r"\r\n|\r|\n", content), start=1):
        if not line.strip():
            continue
        try:
            yield _line(number, json.loads(line, object_pairs_hook=_object))
        except FieldError as error:
            raise LineError(path, number, error.field, error.reason, code=error.code) from error
        except (ValueError, RecursionError) as error:
            raise LineError(
                path, number, "", f"not JSON ({error}). Fix or remove the line.", code="not-json"
            ) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object and refuse duplicate fields, of which JSON readers silently take the last."""
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise FieldError(duplicate, "this field appears twice in one object. Keep one.", code="field-twice")
    return record


def _line(number: int, record: object) -> Line:
    if not isinstance(record, dict):
        raise FieldError(
            "", f"a line must be an object with {_forms()}; got {type(record).__name__}.", code="line-not-object"
        )
    form = _form(record)
    turns = form.turns(record)
    if not turns:
        return Line(number, _check_characters(record["text"]))
    _refuse_unread_fields(record, form)
    system = record.get("system")
    if system:
        if not isinstance(system, str) or turns[0].role == "system":
            raise FieldError(
                "system",
                "this must be text, and the turns must not begin with a system turn. Keep one of them.",
                code="system-unusable",
            )
        turns = [Turn("system", system, place="system"), *turns]
    tools = read_tools(record.get("tools"))
    checked = check_turns(turns)
    return Line(number, _check_characters(readable(checked, tools)), checked, tools)


def _refuse_unread_fields(record: _Record, form: Form) -> None:
    """Refuse fields that belong in a turn but stand next to the turns, where they are not read."""
    for name in (*REASONING, "tool_calls", "system_prompt"):
        if record.get(name) and name not in form.fields:
            raise FieldError(
                name,
                "this field is not read next to the turns, so it would be lost. Give the dialogue as `messages`, with "
                "`reasoning_content` or `tool_calls` in their turn, or with a turn of the role `system`.",
                code="field-not-read-beside-turns",
            )


def _form(record: _Record) -> Form:
    """Return the form of a record; if it has the fields of several forms, the one that is filled."""
    present = [form for form in FORMS if all(field in record for field in form.fields)]
    filled = [form for form in present if record[form.fields[-1]] not in (None, "", [])]
    if len(filled) > 1 and filled[0].fields == ("text",) and _renders(record, filled[1]):
        filled = filled[1:]
    if len(filled) > 1:
        names = " and ".join(form.words for form in filled)
        raise FieldError(
            filled[1].fields[-1],
            f"the line has two forms, {names}. Keep one of them, or empty the other.",
            code="forms-two",
        )
    if not present:
        raise FieldError("", f"a line must be an object with {_forms()}; {_mismatch(record)}", code="form-unknown")
    return (filled or present)[0]


def _renders(record: _Record, form: Form) -> bool:
    """Whether `text` is the other form rendered as text, as in the Hugging Face copy of Alpaca."""
    parts = [record[name] for name in form.fields]
    return isinstance(record["text"], str) and all(isinstance(part, str) and part in record["text"] for part in parts)


def _forms() -> str:
    return ", or with ".join(form.words for form in FORMS)


def _mismatch(record: _Record) -> str:
    """Describe a record that has no form: the field that is missing from a partly present form, or all its fields."""
    for form in FORMS:
        missing = [field for field in form.fields if field not in record]
        if len(missing) < len(form.fields):
            return f"got `{next(iter(set(form.fields) - set(missing)))}` without `{missing[0]}`."
    fields = [field for form in FORMS for field in form.fields]
    near = next(filter(None, (did_you_mean(name, fields) for name in record)), "")
    return f"got the fields {listed(record)}.{near}"


def _check_characters(text: str) -> str:
    """Return the text unchanged if it is valid Unicode.

    Raises:
        FieldError: the text holds a lone surrogate.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise FieldError(
            "",
            "it holds half of a character (a lone surrogate), which is not valid text. Fix or remove the line.",
            code="half-a-character",
        )
    return text
