"""How a base reads the texts and questions of a study, in words: what was chosen, and why."""

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
"""How the names of choices about templates begin."""


def reading_of(
    spec: FinetuneSpec, corpus: Corpus, encoding: TextEncoding, window: ContextWindow
) -> Iterator[tuple[str, str]]:
    """Name every choice of special tokens and chat templates; what was chosen comes with its reason in brackets.

    Raises:
        FieldError: a chat template is asked for, and the base has none.
    """
    yield SPECIAL_TOKENS, _beginning(spec, encoding)
    template = "on (the base has one)" if window.chat else "off (the base has none)"
    if any(text.instructs for text in corpus.texts):
        yield f"{CHAT_TEMPLATE} of the instructions that are trained on", template
    for index, part in enumerate(spec.scores):
        if not part.may_be_in_chat:
            continue
        asked = window.template(part.chat_template)
        chosen = template if part.chat_template == "auto" else f"{'on' if asked else 'off'} (the study file says so)"
        yield f"{CHAT_TEMPLATE} of {', '.join(part.titles)} (scores.{index})", chosen


def chosen(choice: str) -> str:
    """Return a choice without its reason."""
    return choice.partition(" (")[0]


def _beginning(spec: FinetuneSpec, encoding: TextEncoding) -> str:
    reason = "as the base's tokenizer begins a text" if encoding.prefix else "the base's tokenizer puts none there"
    if spec.add_bos_token != "auto":
        reason = f"objective.add_bos_token is {spec.add_bos_token}; a chat template may write its own"
    return f"{encoding.shown_prefix or 'none'} ({reason}; alike in training, held-out text and benchmarks)"
