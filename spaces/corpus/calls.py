"""Tool calls of a turn, in the formats of public data sets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from spaces.errors import FieldError, listed

CALLS = "tool_calls"
"""Field of a turn that holds its tool calls."""


def checked_calls(calls: object, place: str) -> list[Mapping[str, Any]]:
    """Return the calls of a turn, after checking that each has a name.

    Raises:
        FieldError: the value is not a list of such calls.
    """
    if not isinstance(calls, list):
        raise FieldError(
            f"{place}.{CALLS}", f"this must be a list of calls; got {kind_of(calls)}.", code="calls-not-list"
        )
    for number, call in enumerate(calls):
        inner = call.get("function", call) if isinstance(call, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise FieldError(
                f"{place}.{CALLS}.{number}",
                f"a call must have a `function` with `name` and `arguments`; got {kind_of(call)}.",
                code="call-incomplete",
            )
    return calls


def named_call(call: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the name and the arguments of a call."""
    inner = call.get("function", call)
    arguments = inner.get("arguments", {})
    return str(inner["name"]), decoded(arguments) if isinstance(arguments, str) else arguments


def with_arguments(call: Mapping[str, Any], *, objects: bool) -> dict[str, Any]:
    """Return a call with its arguments as an object (if `objects`) or as JSON."""
    inner = call.get("function", call)
    if "arguments" not in inner:
        return dict(call)
    _, arguments = named_call(call)
    changed = {**inner, "arguments": arguments if objects or isinstance(arguments, str) else as_json(arguments)}
    return {**call, "function": changed} if "function" in call else changed


def decoded(text: str) -> Any:
    """Return the value of a JSON string, or the string itself if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def leaves(value: object) -> Iterator[str]:
    """Yield every name, text and number within arguments; true, false and null are written in too many ways."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str) or type(value) in (int, float):
        yield str(value)


def as_json(value: object) -> str:
    """Return a value as JSON, with non-ASCII letters unescaped."""
    return json.dumps(value, ensure_ascii=False)


def kind_of(value: object) -> str:
    """Return a short description of a value, for an error message."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return f"an object with {listed(value, 6)}" if value else "an empty object"
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    return f"{value!r:.60}"
