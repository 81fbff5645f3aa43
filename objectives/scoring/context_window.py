"""How a base reads a question with its answer: its context and its chat template."""

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
    """Context and chat template with which a base reads questions."""

    context: int
    """Tokens that a question and its answer may have together, without the special tokens before them."""
    count: Callable[[str], int]
    """Function that counts the tokens of a text."""
    chat: ChatPrompts | None = None
    """Chat template of the base; None if it has none."""

    @classmethod
    def of(cls, encoding: TextEncoding, context: int) -> ContextWindow:
        """Build the window of a base from its encoding and its context, in tokens."""
        chat = ChatPrompts(encoding.tokenizer) if encoding.tokenizer.chat_template else None
        return cls(context - len(encoding.prefix), lambda text: len(encoding.plain(text)), chat)

    def template(self, choice: Switch) -> ChatPrompts | None:
        """Return the chat template for an entry of `objective.scores`, or None for plain text.

        Raises:
            FieldError: a template is required, and the base has none.
        """
        if choice == "on" and self.chat is None:
            raise FieldError(
                "objective.scores",
                "`chat_template: on` needs a base whose tokenizer has a chat template, and this one has none. Set it "
                "to `auto` or `off`, or use an instruct model.",
                code="no-chat-template",
            )
        return None if choice == "off" else self.chat

    @property
    def half(self) -> int:
        """Half of the context, in tokens, which is always available to the answer."""
        return self.context // 2

    def pieces(self, text: str) -> list[str]:
        """Split a text into pieces of at most half the context, between words near the middle."""
        if len(text) < 2 or self.count(text) <= self.half:
            return [text]
        cut = text.rfind(" ", 1, len(text) // 2)
        cut = cut if cut > 0 else len(text) // 2
        return [*self.pieces(text[:cut]), *self.pieces(text[cut:])]
