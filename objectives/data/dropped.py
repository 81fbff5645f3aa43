"""Whether a chat template has written all that is to be read and learned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from objectives.data.thinking import split_reasoning
from spaces.corpus.calls import leaves
from spaces.corpus.dialogues import ANSWERS, REASONING, Turn
from spaces.errors import FieldError


def check_context(prompt: str, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]]) -> None:
    """See that what others than the model have said stands in a prompt, and every tool.

    Raises:
        FieldError: something does not; the field is named.
    """
    there = _squeezed(prompt)
    for turn in turns:
        if turn.role != ANSWERS and not _stands(turn.content, there):
            raise _dropped(turn.place, turn.content)
    for number, tool in enumerate(tools):
        name = tool.get("function", tool).get("name", "")
        if not _stands(name, there):
            raise _dropped(f"tools.{number}", name)


def check_answer(answer: str, turn: Turn) -> None:
    """See that all of an answer stands in what is learned: text, reasoning and tool calls.

    Args:
        answer: what is learned.
        turn: what it was made of.

    Raises:
        FieldError: something does not; the field is named.
        TypeError: arguments of a call stand there as Python writes them; the template wants them as JSON.
    """
    there = _squeezed(answer)
    for text in split_reasoning(turn.content):
        if not _stands(text, there):
            raise _dropped(turn.place, text)
    if not _stands(turn.reasoning, there):
        raise _dropped(f"{turn.place}.{REASONING[0]}", turn.reasoning)
    for number, (name, arguments) in enumerate(turn.calls):
        for text in (name, *leaves(arguments)):
            if not _stands(text, there):
                raise _dropped(f"{turn.place}.tool_calls.{number}", text)
        if isinstance(arguments, dict) and arguments and str(arguments) in answer:
            raise TypeError("it writes arguments of tool calls as Python does")


def _dropped(field: str, text: str) -> FieldError:
    return FieldError(
        field,
        f"the chat template of the base does not write this, so it would not be trained on: {text!r:.80}. Take a base "
        "whose template writes it, or change or remove the line.",
        code="template-drops-text",
    )


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _stands(text: str, squeezed: str) -> bool:
    """Whether a text stands in another, blanks aside, as it is or as JSON writes it."""
    ways = (text, *(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)))
    return any(_squeezed(way) in squeezed for way in ways)
