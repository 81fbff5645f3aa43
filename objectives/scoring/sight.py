"""How much of a question and its answer a base can see at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Sight:
    """How much a base can see at once."""

    context: int
    """Tokens."""
    count: Callable[[str], int]
    """Tokens of a text."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, context: int) -> Sight:
        """That of a base with this tokenizer."""
        return cls(context, lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))

    @property
    def half(self) -> int:
        """Tokens that an answer may take: the other half is for the question."""
        return self.context // 2

    def pieces(self, text: str) -> list[str]:
        """The text in pieces of no more than half of what can be seen, cut between words near the middle."""
        if len(text) < 2 or self.count(text) <= self.half:
            return [text]
        cut = text.rfind(" ", 1, len(text) // 2)
        cut = cut if cut > 0 else len(text) // 2
        return [*self.pieces(text[:cut]), *self.pieces(text[cut:])]
