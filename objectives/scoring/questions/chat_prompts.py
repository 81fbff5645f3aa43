"""Questions inside a base's chat template, in the way that lm-eval's `apply_chat_template` asks them."""

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
    """Renders the turns of a prompt; lm-eval calls it as it would call its own model's `apply_chat_template`."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, chat_history: Sequence[Turn], add_generation_prompt: bool = True) -> str:
        """Render the turns up to where the answer begins, an empty thinking block included.

        Where a template knows no system turn, as Gemma's, its text stands before the first question; lm-eval would
        leave it out.

        Args:
            chat_history: turns, the question last, or the beginning of an answer where no generation prompt is added.
            add_generation_prompt: False where the last turn is the beginning of the answer, which is then left open.
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
        *asked, begun = listed
        return prompt_of(self.tokenizer, asked) + begun["content"]


def _without_system(turns: Sequence[Turn]) -> list[Turn]:
    system, first, *rest = turns
    return [{**first, "content": f"{system['content'].rstrip()}\n\n{first['content']}"}, *rest]
