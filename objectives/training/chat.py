"""Instructions as tokens: through the model's chat template, with the loss on the answers only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from spaces import InputError
from spaces.lines import Line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Part = tuple[str, bool]
"""A piece of text, and whether it is to be learnt."""

_ANSWERS = "assistant"


def parts_of(line: Line, tokenizer: PreTrainedTokenizerBase, path: Path) -> list[Part]:
    """What the model reads of an instruction, piece by piece.

    A model without a chat template reads a prompt, then its answer, then its end of text.

    Raises:
        InputError: the turns do not fit the model's template, or it has none for more than a prompt and an answer.
    """
    if tokenizer.chat_template is None:
        return _plain(line, tokenizer, path)
    turns = [{"role": role, "content": content} for role, content in line.messages]
    try:
        return list(_templated(turns, tokenizer))
    except (TemplateError, ValueError, TypeError) as error:
        raise InputError(
            f"{str(path)!r}, line {line.number}: the turns {[role for role, _ in line.messages]} do not fit the chat "
            f"template of the base: {error}. Mend or remove the line."
        ) from error


def _plain(line: Line, tokenizer: PreTrainedTokenizerBase, path: Path) -> list[Part]:
    if [role for role, _ in line.messages] != ["user", _ANSWERS]:
        raise InputError(
            f"{str(path)!r}, line {line.number}: the base has no chat template, so it cannot be told who says what. "
            "Give lines with `prompt` and `completion`, or take a base with a template."
        )
    (_, prompt), (_, answer) = line.messages
    return [(prompt, False), (answer + (str(tokenizer.eos_token) if tokenizer.eos_token else ""), True)]


def _templated(turns: Sequence[dict[str, str]], tokenizer: PreTrainedTokenizerBase) -> Iterator[Part]:
    """The whole dialogue, cut before and after each answer."""

    def shown(count: int, *, asked: bool) -> str:
        return str(tokenizer.apply_chat_template(turns[:count], tokenize=False, add_generation_prompt=asked))

    read = ""
    for place, turn in enumerate(turns):
        if turn["role"] != _ANSWERS:
            continue
        before, after = shown(place, asked=True), shown(place + 1, asked=False)
        if not (after.startswith(before) and before.startswith(read)):
            raise ValueError(
                "it writes earlier turns otherwise than later ones, so the answers cannot be told apart; give a line "
                "for each answer"
            )
        yield before[len(read) :], False
        yield after[len(before) :], True
        read = after
