"""How a base reads a question with its answer: how much of it at once, and inside which chat template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from objectives.scoring.questions.chat_prompts import ChatPrompts
from spaces import FieldError

if TYPE_CHECKING:
    from objectives.bases.encoding import TextEncoding
    from spaces.choices import Switch


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """How a base reads questions."""

    context: int
    """Tokens that a question and its answer may have together, beside the special tokens before them."""
    count: Callable[[str], int]
    """Tokens of a text."""
    chat: ChatPrompts | None = None
    """The base's chat template; None where it has none."""

    @classmethod
    def of(cls, encoding: TextEncoding, context: int) -> ContextWindow:
        """Take the encoding of a base that reads `context` tokens at once."""
        chat = ChatPrompts(encoding.tokenizer) if encoding.tokenizer.chat_template else None
        return cls(context - len(encoding.prefix), lambda text: len(encoding.plain(text)), chat)

    def template(self, choice: Switch) -> ChatPrompts | None:
        """Return the chat template that an entry of `objective.scores` asks inside; None: questions are asked as text.

        Raises:
            FieldError: a template is asked for, and the base has none.
        """
        if choice == "on" and self.chat is None:
            raise FieldError(
                "objective.scores",
                "`chat_template: on` needs a base whose tokenizer has a chat template, and this one has none. Set it "
                "to `auto` or `off`, or take an instruct model.",
                code="no-chat-template",
            )
        return None if choice == "off" else self.chat

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
