"""How a base reads the texts and questions of a study: each choice with its reason, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from objectives.bases.identity import SPECIAL_TOKENS

if TYPE_CHECKING:
    from objectives.bases.encoding import TextEncoding
    from objectives.scoring.context_window import ContextWindow
    from objectives.spec import FinetuneSpec
    from spaces import Corpus


CHAT_TEMPLATE = "chat template"
"""Prefix of the names of choices about chat templates."""


def reading_of(
    spec: FinetuneSpec, corpus: Corpus, encoding: TextEncoding, window: ContextWindow
) -> Iterator[tuple[str, str]]:
    """Yield every choice of special tokens and chat templates, with its value and the reason in parentheses.

    Raises:
        FieldError: a chat template is required, and the base has none.
    """
    yield SPECIAL_TOKENS, _beginning(spec, encoding)
    template = "on (the base has one)" if window.chat else "off (the base has none)"
    if any(text.instructs for text in corpus.texts):
        yield f"{CHAT_TEMPLATE} of the instructions that are trained on", template
    for index, part in enumerate(spec.scores):
        if not part.may_be_in_chat:
            continue
        chat = window.template(part.chat_template)
        chosen = template if part.chat_template == "auto" else f"{'on' if chat else 'off'} (set in the study file)"
        yield f"{CHAT_TEMPLATE} of {', '.join(part.titles)} (scores.{index})", chosen


def chosen(choice: str) -> str:
    """Return a choice without its reason."""
    return choice.partition(" (")[0]


def _beginning(spec: FinetuneSpec, encoding: TextEncoding) -> str:
    reason = "the base's tokenizer adds them" if encoding.prefix else "the base's tokenizer adds none"
    if spec.add_bos_token != "auto":
        reason = f"objective.add_bos_token is {spec.add_bos_token}; a chat template may write its own"
    return f"{encoding.shown_prefix or 'none'} ({reason}; the same in training, held-out text and benchmarks)"
