"""How a base reads the texts and questions of a study, in words: what was chosen, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from objectives.scoring.spec import BenchmarkSpec, HeldoutSpec, ScenesSpec, ScoreSpec

if TYPE_CHECKING:
    from objectives.models.encoding import TextEncoding
    from objectives.scoring.sight import Sight
    from objectives.spec import FinetuneSpec
    from spaces import Corpus


def reading_of(spec: FinetuneSpec, corpus: Corpus, encoding: TextEncoding, sight: Sight) -> Iterator[tuple[str, str]]:
    """Name every choice of special tokens and chat templates, with what was chosen, a colon, and the reason.

    Raises:
        FieldError: a chat template is asked for, and the base has none.
    """
    yield "how a text begins", _beginning(spec, encoding)
    template = "on: the base has a chat template" if sight.chat else "off: the base has no chat template"
    if any(text.instructs for text in corpus.texts):
        yield (
            "chat template of instructions",
            f"{template}; dialogues are trained inside it" if sight.chat else template,
        )
    for index, part in enumerate(spec.scores):
        if isinstance(part, HeldoutSpec) and not part.files:
            continue  # the end of a text is no dialogue
        asked = sight.template(part.chat_template)
        if part.chat_template == "auto":
            chosen = template
        else:
            chosen = f"{'on' if asked else 'off'}: scores.{index}.chat_template says so"
        yield f"chat template of {_what(part)} (scores.{index})", chosen


def _beginning(spec: FinetuneSpec, encoding: TextEncoding) -> str:
    shown = encoding.shown_prefix or "without a special token"
    reason = "as the base's tokenizer begins a text" if encoding.prefix else "the base's tokenizer puts none before it"
    if spec.add_bos_token != "auto":
        reason = f"objective.add_bos_token is {spec.add_bos_token}"
    return f"{shown}: {reason}; the same in training, held-out text and benchmarks"


def _what(part: ScoreSpec) -> str:
    if isinstance(part, BenchmarkSpec):
        return ", ".join(task.task for task in part.tasks)
    return "scenes" if isinstance(part, ScenesSpec) else "held-out dialogues"
