"""Questions inside a base's chat template, as in lm-eval's `apply_chat_template`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from objectives.data.thinking import prompt_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Turn = Mapping[str, str]
"""`role` and `content`."""


@dataclass(frozen=True, slots=True)
class ChatPrompts:
    """Renders the turns of a prompt; lm-eval calls an instance in place of its model's `apply_chat_template`."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, chat_history: Sequence[Turn], add_generation_prompt: bool = True) -> str:
        """Render the turns up to the beginning of the answer, with an empty thinking block if the template opens one.

        If a template does not support a system turn, as Gemma's, its text goes before the first question; lm-eval would
        drop it.

        Args:
            chat_history: turns, ending with the question, or with the beginning of the answer if no generation prompt
                is added.
            add_generation_prompt: whether to add the generation prompt; if not, the last turn is left open.
        """
        try:
            return self._rendered(chat_history, add_generation_prompt)
        except TemplateError:
            if chat_history[0]["role"] != "system":
                raise
            return self._rendered(_without_system(chat_history), add_generation_prompt)

    def _rendered(self, turns: Sequence[Turn], add_generation_prompt: bool) -> str:
        listed = [dict(turn) for turn in turns]
        if add_generation_prompt:
            return prompt_of(self.tokenizer, listed)
        *turns_before, answer = listed
        return prompt_of(self.tokenizer, turns_before) + answer["content"]


def _without_system(turns: Sequence[Turn]) -> list[Turn]:
    system, first, *rest = turns
    return [{**first, "content": f"{system['content'].rstrip()}\n\n{first['content']}"}, *rest]
