"""Prompts through a model's chat template, and the thinking block that some templates open in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, object]
"""A turn as chat templates read it: `role`, `content`, and what else the template knows."""

_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
"""How models of today open and close what they think before they answer."""
_DAY = date(2024, 7, 26)
"""The date that Llama's own template falls back to."""
_CLOCK = re.compile(r"""strftime_now\(\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Block:
    """A thinking block as one model writes it."""

    start: str
    """The tag that opens it."""
    end: str
    """The tag that closes it."""
    newlines: bool
    """Whether the tags stand on lines of their own."""

    def closing(self, reasoning: str) -> str:
        """The text that follows the opened block: the reasoning, which may be empty, and the closing tag."""
        return f"{reasoning}\n{self.end}\n\n" if self.newlines else f"{reasoning}{self.end}"


def prompt_of(
    tokenizer: PreTrainedTokenizerBase,
    turns: Sequence[Message],
    tools: Sequence[Mapping[str, object]] | None = None,
    *,
    thinking: bool = False,
) -> str:
    """Render the turns of a dialogue with the prompt after which the model is to answer.

    Args:
        tokenizer: of a base with a chat template.
        turns: everything before the answer, in order.
        tools: JSON schemas of the functions that the model may call.
        thinking: whether the answer begins with reasoning; if not, a thinking block that the template opens is closed,
            empty.

    Raises:
        jinja2.TemplateError, ValueError, TypeError: the turns do not fit the template.
    """
    prompt = rendered(tokenizer, turns, tools, thinking=thinking, asked=True)
    block = None if thinking else opened(prompt)
    return prompt if block is None else prompt + block.closing("")


def rendered(
    tokenizer: PreTrainedTokenizerBase,
    turns: Sequence[Message],
    tools: Sequence[Mapping[str, object]] | None,
    *,
    thinking: bool,
    asked: bool,
) -> str:
    """The text that the template makes of the turns; `asked`: with its generation prompt.

    Raises:
        jinja2.TemplateError, ValueError, TypeError: the turns do not fit the template.
    """
    return str(
        tokenizer.apply_chat_template(
            [dict(turn) for turn in turns],
            tools=[dict(tool) for tool in tools] if tools else None,
            tokenize=False,
            add_generation_prompt=asked,
            enable_thinking=thinking,  # Qwen, GLM, SmolLM
            thinking=thinking,  # DeepSeek, Granite
            chat_template=_on_a_fixed_day(str(tokenizer.get_chat_template(tools=[{}] if tools else None))),
        )
    )


def _on_a_fixed_day(template: str) -> str:
    """A template that writes the same date every day, as those of Llama 3 and gpt-oss do not.

    A study that goes on tomorrow must read what it read today.
    """
    forms = dict.fromkeys(_CLOCK.findall(template))
    if not forms:
        return template
    dates = "".join(f"{{% if form == {form!r} %}}{_DAY.strftime(form)}{{% endif %}}" for form in forms)
    return f"{{% macro strftime_now(form) %}}{dates}{{% endmacro %}}{template}"


def opened(prompt: str) -> Block | None:
    """The thinking block that a prompt ends in and leaves open, if any."""
    for start, end in _TAGS:
        if prompt.rstrip().endswith(start):
            return Block(start, end, newlines=not prompt.endswith(start))
    return None


def without_block(prompt: str) -> str:
    """A prompt without the thinking block, open or closed, that it ends in."""
    for start, end in _TAGS:
        cut = re.sub(rf"{re.escape(start)}\s*(?:{re.escape(end)}\s*)?\Z|{re.escape(end)}\s*\Z", "", prompt)
        if cut != prompt:
            return cut
    return prompt


def split_reasoning(content: str) -> tuple[str, str]:
    """The reasoning in the thinking block that a text begins with, without outer blanks, and what follows the block.

    A block may be closed without being opened, as the prompt has done that. A text without a block follows as it is.
    """
    text = content.lstrip()
    for start, end in _TAGS:
        if text.startswith((start, end)) and end in text:
            reasoning, answer = text.removeprefix(start).split(end, 1)
            return reasoning.strip(), answer.lstrip()
    return "", content


def is_left_open(content: str) -> bool:
    """Whether a text begins with a thinking block that never ends."""
    return any(content.lstrip().startswith(start) and end not in content for start, end in _TAGS)
