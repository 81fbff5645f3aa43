"""Turns of dialogues: the role, the content, and the other fields that a chat template may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spaces.corpus.calls import CALLS, as_json, checked_calls, decoded, kind_of, named_call, with_arguments
from spaces.errors import FieldError, did_you_mean, listed

ANSWERS = "assistant"
ROLES = (ANSWERS, "user", "system", "developer", "tool", "function", "ipython")
"""Valid roles; a misspelled role would be a turn that no template renders, or an answer that is not learned."""
SYSTEM = ("system", "developer")
REASONING = ("reasoning_content", "reasoning", "thinking", "thought")
"""Fields in which public data sets store the reasoning before an answer."""
_SHAREGPT = {
    "human": "user",
    "user": "user",
    "gpt": ANSWERS,
    "chatgpt": ANSWERS,
    "assistant": ANSWERS,
    "model": ANSWERS,
    "system": "system",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}
"""ShareGPT speakers to roles."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a dialogue."""

    role: str
    content: str
    other: Mapping[str, Any] = field(default_factory=dict)
    """Other fields that the template may read, as in the file; reasoning under `reasoning_content`."""
    place: str = ""
    """Path of the turn in its record, such as `messages.2` or `completion`."""
    learned: bool = True
    """Whether the turn is trained on if it is an answer."""

    @property
    def is_learned(self) -> bool:
        """Whether the turn is an answer that is trained on."""
        return self.learned and self.role == ANSWERS

    @property
    def reasoning(self) -> str:
        """Reasoning before the answer, stripped; empty if the turn has none."""
        return str(self.other.get(REASONING[0], "")).strip()

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """Name and arguments of every tool call."""
        return [named_call(call) for call in self.other.get(CALLS, ())]

    @property
    def text(self) -> str:
        """All readable text of the turn: reasoning, content and tool calls."""
        calls = (f"{name} {as_json(arguments)}" for name, arguments in self.calls)
        return "\n".join(filter(None, (self.reasoning, self.content, *calls)))

    def message(self, *, objects: bool = True) -> dict[str, Any]:
        """Return the turn for a chat template, with arguments of calls as objects (which most expect) or as JSON."""
        message = {"role": self.role, "content": self.content, **self.other}
        if CALLS in message:
            message[CALLS] = [with_arguments(call, objects=objects) for call in message[CALLS]]
        return message


def without_system(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Merge the system turn at the start into the question after it, for templates without system turns."""
    system, first, *rest = turns
    return (replace(first, content=f"{system.content.rstrip()}\n\n{first.content}"), *rest)


def read_turns(value: object, place: str, *, learned: bool = True) -> list[Turn]:
    """Parse the list of turns in a field of a record.

    Args:
        value: value of the field.
        place: name of the field.
        learned: whether the answers in the list are trained on.

    Raises:
        FieldError: the value is not a list, or an item is not a turn.
    """
    if not isinstance(value, list):
        raise FieldError(place, f"this must be a list of turns; got {kind_of(value)}.", code="turns-not-list")
    return [_turn(item, f"{place}.{number}", learned) for number, item in enumerate(value)]


def check_turns(turns: list[Turn]) -> tuple[Turn, ...]:
    """Check that the turns form a dialogue with something to learn, and return them as a tuple.

    Raises:
        FieldError: the last turn is not an answer, an answer is empty, or no answer is trained on.
    """
    if turns[-1].role != ANSWERS:
        raise FieldError(
            turns[-1].place,
            f"the last turn must have the role {ANSWERS}; got {turns[-1].role}.",
            code="last-turn-not-answer",
        )
    for turn in turns:
        if turn.role != ANSWERS:
            continue
        if not turn.content.strip() and not turn.calls:
            raise FieldError(
                turn.place,
                "an answer must hold text or tool calls; this one is empty. Fill it, or remove the line.",
                code="answer-empty",
            )
    if not any(turn.is_learned for turn in turns):
        raise FieldError(
            turns[-1].place,
            "every answer has weight 0, so nothing would be learned. Remove the line.",
            code="nothing-learned",
        )
    return tuple(turns)


def read_tools(value: object) -> tuple[Mapping[str, Any], ...]:
    """Return the tools of a record as JSON schemas; a string is decoded from JSON first.

    Raises:
        FieldError: the value is not a list of objects.
    """
    if isinstance(value, str) and value.strip():
        value = decoded(value)
    if not value:
        return ()
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise FieldError(
            "tools",
            f"this must be a list of objects, the schemas of the tools; got {kind_of(value)}.",
            code="tools-not-list",
        )
    return tuple(value)


def readable(turns: tuple[Turn, ...], tools: tuple[Mapping[str, Any], ...]) -> str:
    """Return all readable text of a dialogue."""
    return "\n".join([*map(as_json, tools), *(turn.text for turn in turns)])


def _turn(item: object, place: str, learned: bool) -> Turn:
    if not isinstance(item, dict):
        raise FieldError(
            place, f"a turn must be an object with `role` and `content`; got {kind_of(item)}.", code="turn-not-object"
        )
    speaker, body = ("role", "content") if "role" in item or "from" not in item else ("from", "value")
    role = _role(item.get(speaker), f"{place}.{speaker}", speaker)
    other = {key: value for key, value in item.items() if key not in (speaker, body) and value is not None}
    if "function_call" in other:
        raise FieldError(
            f"{place}.function_call",
            "chat templates do not read this field. Use `tool_calls`.",
            code="function-call-unread",
        )
    reasoning = _reasoning(other, place)
    other = {key: value for key, value in other.items() if key not in REASONING}
    if reasoning:
        other[REASONING[0]] = reasoning
    calls = checked_calls(other.pop(CALLS, []), place)
    if calls:
        other[CALLS] = calls
    weight = other.pop("weight", int(bool(other.pop("train", True))))
    if weight not in (0, 1):
        raise FieldError(
            f"{place}.weight",
            f"the weight of an answer must be 0 (context only) or 1 (learned); got {weight!r}.",
            code="weight-not-0-or-1",
        )
    content = _content(item.get(body), f"{place}.{body}", optional=bool(calls))
    return Turn(role, content, other, place, learned and weight == 1)


def _role(value: object, place: str, speaker: str) -> str:
    if not isinstance(value, str):
        raise FieldError(
            place, f"this must name the speaker, one of {listed(ROLES)}; got {kind_of(value)}.", code="role-missing"
        )
    roles = _SHAREGPT if speaker == "from" else {role: role for role in ROLES}
    if value not in roles:
        raise FieldError(
            place,
            f"this must be one of {listed(roles)}; got {value!r}.{did_you_mean(value, roles)}",
            code="role-unknown",
        )
    return roles[value]


def _content(value: object, place: str, *, optional: bool) -> str:
    """Return the text of a turn, joined if it is a list of parts."""
    if value is None and optional:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise FieldError(
            place,
            f"this must be text or a list of text parts (null only with `tool_calls`); got {kind_of(value)}.",
            code="content-not-text",
        )
    return "".join(_part(part, f"{place}.{number}") for number, part in enumerate(value))


def _part(part: object, place: str) -> str:
    if isinstance(part, dict) and part.get("type", "text") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = f"of type {part['type']!r}" if isinstance(part, dict) and "type" in part else f"{kind_of(part)}"
    raise FieldError(
        place,
        f'only parts such as {{"type": "text", "text": "…"}} are read; got one {kind}. Remove it, or the line.',
        code="part-not-text",
    )


def _reasoning(other: Mapping[str, Any], place: str) -> str:
    """Return the reasoning of a turn, from any of the `REASONING` fields."""
    filled = {name: other[name] for name in REASONING if other.get(name)}
    for name, value in filled.items():
        if not isinstance(value, str):
            raise FieldError(
                f"{place}.{name}", f"reasoning must be text; got {kind_of(value)}.", code="reasoning-not-text"
            )
    if len(set(filled.values())) > 1:
        raise FieldError(
            f"{place}.{list(filled)[1]}",
            f"the fields {listed(filled)} differ. Keep one.",
            code="reasoning-ambiguous",
        )
    return next(iter(filled.values()), "")
