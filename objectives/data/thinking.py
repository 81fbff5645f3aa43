"""Prompts in a model's chat template, and the thinking block that some templates open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, object]
"""A turn as chat templates read it: `role`, `content`, and other fields that the template supports."""

_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
"""Tags with which models open and close their reasoning before an answer."""
_DAY = date(2024, 7, 26)
"""The default date of Llama's own template."""
_CLOCK = re.compile(r"""strftime_now\(\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Block:
    """A thinking block as one model writes it."""

    start: str
    """The opening tag."""
    end: str
    """The closing tag."""
    newlines: bool
    """Whether each tag is on its own line."""

    def closing(self, reasoning: str) -> str:
        """Return the text after the opening tag: the reasoning, which may be empty, and the closing tag."""
        return f"{reasoning}\n{self.end}\n\n" if self.newlines else f"{reasoning}{self.end}"


def prompt_of(
    tokenizer: PreTrainedTokenizerBase,
    turns: Sequence[Message],
    tools: Sequence[Mapping[str, object]] | None = None,
    *,
    thinking: bool = False,
) -> str:
    """Render the turns of a dialogue with the generation prompt for the model's answer.

    Args:
        tokenizer: tokenizer of a base with a chat template.
        turns: everything before the answer, in order.
        tools: JSON schemas of the functions that the model may call.
        thinking: whether the answer begins with reasoning; if not, a thinking block that the template opens is closed
            without content.

    Raises:
        jinja2.TemplateError, ValueError, TypeError: the turns do not fit the template.
    """
    prompt = rendered(tokenizer, turns, tools, thinking=thinking, generation_prompt=True)
    block = None if thinking else opened(prompt)
    return prompt if block is None else prompt + block.closing("")


def rendered(
    tokenizer: PreTrainedTokenizerBase,
    turns: Sequence[Message],
    tools: Sequence[Mapping[str, object]] | None,
    *,
    thinking: bool,
    generation_prompt: bool,
) -> str:
    """Render turns by the chat template, with or without its generation prompt.

    Raises:
        jinja2.TemplateError, ValueError, TypeError: the turns do not fit the template.
    """
    return str(
        tokenizer.apply_chat_template(
            [dict(turn) for turn in turns],
            tools=[dict(tool) for tool in tools] if tools else None,
            tokenize=False,
            add_generation_prompt=generation_prompt,
            enable_thinking=thinking,  # Qwen, GLM, SmolLM
            thinking=thinking,  # DeepSeek, Granite
            chat_template=_on_a_fixed_day(str(tokenizer.get_chat_template(tools=[{}] if tools else None))),
        )
    )


def _on_a_fixed_day(template: str) -> str:
    """Fix the date in a template that writes the current one, such as those of Llama 3 and gpt-oss.

    A study that resumes tomorrow must read the same prompts as today.
    """
    forms = dict.fromkeys(_CLOCK.findall(template))
    if not forms:
        return template
    dates = "".join(f"{{% if form == {form!r} %}}{_DAY.strftime(form)}{{% endif %}}" for form in forms)
    return f"{{% macro strftime_now(form) %}}{dates}{{% endmacro %}}{template}"


def opened(prompt: str) -> Block | None:
    """Return the open thinking block at the end of a prompt, if any."""
    for start, end in _TAGS:
        if prompt.rstrip().endswith(start):
            return Block(start, end, newlines=not prompt.endswith(start))
    return None


def without_block(prompt: str) -> str:
    """Remove the thinking block, open or closed, at the end of a prompt."""
    for start, end in _TAGS:
        cut = re.sub(rf"{re.escape(start)}\s*(?:{re.escape(end)}\s*)?\Z|{re.escape(end)}\s*\Z", "", prompt)
        if cut != prompt:
            return cut
    return prompt


def split_reasoning(content: str) -> tuple[str, str]:
    """Split a text into the stripped reasoning of its leading thinking block, and the rest.

    The opening tag may be missing, because the prompt can contain it. A text without a block has empty reasoning.
    """
    text = content.lstrip()
    for start, end in _TAGS:
        if text.startswith((start, end)) and end in text:
            reasoning, answer = text.removeprefix(start).split(end, 1)
            return reasoning.strip(), answer.lstrip()
    return "", content


def is_left_open(content: str) -> bool:
    """Whether a text begins with a thinking block that is not closed."""
    return any(content.lstrip().startswith(start) and end not in content for start, end in _TAGS)
