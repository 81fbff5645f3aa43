"""Bits per byte of held-out text and dialogues."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from lm_eval.api.instance import Instance

from objectives.base import Score, TaskMetadata
from objectives.bases.layout import context_of
from objectives.questions import SEARCHED, QuestionSubset
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.harness import language_model
from objectives.scoring.heldout.passages import Passage, design_of, heldout_passages
from objectives.scoring.heldout.spec import HeldoutSpec
from objectives.scoring.heldout.text import HELDOUT, passages, passages_of, shared_with_texts
from objectives.scoring.scorer import Checked, refuse_few, splits_of
from spaces import Corpus, FieldError
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding


_SAMPLES = 8


class HeldoutScorer:
    """Scores minus the bits per byte of the held-out text, in windows as long as the model's context."""

    def __init__(self, spec: HeldoutSpec, corpus: Corpus, model: PreTrainedModel, encoding: TextEncoding) -> None:
        """Read the held-out text.

        Raises:
            InputError: see `heldout_passages`.
        """
        self._model = language_model(model, encoding, spec.batch_size)
        self._spec = spec
        self._passages = heldout_passages(spec, corpus, ContextWindow.of(encoding, context_of(model.config)))

    @staticmethod
    def prepare(spec: HeldoutSpec, corpus: Corpus, window: ContextWindow, kept: Mapping[str, float]) -> Checked:
        """See `ScorerClass`."""
        if spec.text is not None and corpus.named(spec.text, "objective.scores").instructs:
            raise FieldError(
                "objective.scores",
                f"the text {spec.text!r} contains instructions, whose end cannot be held out from training. Use "
                "held-out files (`files`), or a plain text.",
                code="heldout-of-instructions",
            )
        all_passages = heldout_passages(spec, corpus, window)
        texts = [passage.text for passage in all_passages]
        shared = shared_with_texts(spec, corpus, texts, kept)
        numbers = [passages_of(texts, QuestionSubset(split), spec) for split in splits_of(spec)]
        refuse_few("the held-out text", set(numbers[-1]), spec)
        holdout = design_of([all_passages[index] for index in numbers[1]]) if spec.holdout else None
        files = ", ".join(path.name for path in spec.files)
        name = f"the end of {spec.text!r}" if spec.text is not None else f"held-out {files}"
        inputs = {name: fingerprint([texts, spec.holdout, spec.split_seed])}
        notes = tuple(f"{text} contains {count} passages of the held-out text." for text, count in shared.items())
        return Checked("bits_per_byte", inputs, holdout, notes=notes)

    @staticmethod
    def samples(spec: HeldoutSpec, corpus: Corpus, window: ContextWindow) -> list[str]:
        """See `ScorerClass`."""
        return passages(spec, corpus)[:_SAMPLES]

    def score(self, part: QuestionSubset = SEARCHED) -> Score:
        """Minus all bits over all bytes; the standard error treats passages as independent."""
        numbers = passages_of([passage.text for passage in self._passages], part, self._spec)
        chosen = [self._passages[index] for index in numbers]
        texts = [passage.text for passage in chosen]
        design = design_of(chosen)
        items = np.asarray(self._nats(chosen)) / math.log(2) / [passage.size for passage in chosen]
        return Score(
            value=design.mean(items),
            stderr=design.stderr(items),
            items=tuple(float(value) for value in items),
            qualities={HELDOUT: -design.mean(items)},
            own_names=True,
            design=design,
            arrays={"heldout/bits_per_byte": items.astype(np.float32)},
            asked=(TaskMetadata("heldout", "1", fingerprint(texts), tuple(map(fingerprint, texts))),),
        )

    def _nats(self, chosen: Sequence[Passage]) -> list[float]:
        """Log-probability of every passage, or of its answers if it is a dialogue, in nats."""
        plain = [_request(passage.text) for passage in chosen if not passage.answers]
        texts = iter(self._model.loglikelihood_rolling(plain))
        answers = iter(self._model.answer_log_likelihoods([answer for passage in chosen for answer in passage.answers]))
        return [
            math.fsum(next(answers) for _ in passage.answers) if passage.answers else next(texts) for passage in chosen
        ]


def _request(text: str) -> Instance:
    return Instance("loglikelihood_rolling", doc={}, arguments=(text,), idx=0, metadata=("heldout", 0, 1))
