"""Checks that a chat template writes everything that is to be read and learned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from objectives.data.thinking import split_reasoning
from spaces.corpus.calls import leaves
from spaces.corpus.dialogues import ANSWERS, REASONING, Turn
from spaces.errors import FieldError


def check_context(prompt: str, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]]) -> None:
    """Check that a prompt contains every turn of others than the model, and every tool.

    Raises:
        FieldError: a turn or tool is missing; the error names the field.
    """
    written = _without_whitespace(prompt)
    for turn in turns:
        if turn.role != ANSWERS and not _contains(written, turn.content):
            raise _dropped(turn.place, turn.content)
    for number, tool in enumerate(tools):
        name = tool.get("function", tool).get("name", "")
        if not _contains(written, name):
            raise _dropped(f"tools.{number}", name)


def check_answer(answer: str, turn: Turn) -> None:
    """Check that an answer contains its whole turn: text, reasoning and tool calls.

    Args:
        answer: the answer as the template writes it.
        turn: the turn that the answer was rendered from.

    Raises:
        FieldError: a part of the turn is missing; the error names the field.
        TypeError: the template writes arguments of a call as a Python dictionary; it needs them as JSON text.
    """
    written = _without_whitespace(answer)
    for text in split_reasoning(turn.content):
        if not _contains(written, text):
            raise _dropped(turn.place, text)
    if not _contains(written, turn.reasoning):
        raise _dropped(f"{turn.place}.{REASONING[0]}", turn.reasoning)
    for number, (name, arguments) in enumerate(turn.calls):
        for text in (name, *leaves(arguments)):
            if not _contains(written, text):
                raise _dropped(f"{turn.place}.tool_calls.{number}", text)
        if isinstance(arguments, dict) and arguments and str(arguments) in answer:
            raise TypeError("it writes arguments of tool calls as Python does")


def _dropped(field: str, text: str) -> FieldError:
    return FieldError(
        field,
        f"the chat template of the base does not write this, so it would not be trained on: {text!r:.80}. Use a base "
        "whose template writes it, or change or remove the line.",
        code="template-drops-text",
    )


def _without_whitespace(text: str) -> str:
    return "".join(text.split())


def _contains(written: str, text: str) -> bool:
    """Whether a text without whitespace contains another, as it is or escaped as in JSON."""
    forms = (text, *(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)))
    return any(_without_whitespace(form) in written for form in forms)
