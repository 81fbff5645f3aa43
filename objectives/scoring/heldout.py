"""Bits per byte of text that no trial trains on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from lm_eval.api.instance import Instance

from objectives.base import Score
from objectives.scoring.harness import language_model
from objectives.spec import HeldoutSpec
from objectives.training.tokens import split_at
from spaces import Corpus, FieldError
from spaces.corpus import read_file

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class HeldoutScorer:
    """Minus the bits that the model needs for a byte of the held-out text, through lm-eval's rolling windows."""

    def __init__(
        self, spec: HeldoutSpec, corpus: Corpus, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """Read the held-out text.

        Raises:
            InputError: a file or text that is not there or empty.
        """
        self._model = language_model(model, tokenizer, spec.batch)
        texts = passages(spec, corpus)
        self._bytes = np.array([len(text.encode()) for text in texts])
        self._requests = [
            Instance(request_type="loglikelihood_rolling", doc={}, arguments=(text,), idx=0, metadata=("heldout", i, 1))
            for i, text in enumerate(texts)
        ]

    def score(self) -> Score:
        """All bits over all bytes, negated; the standard error treats passages as independent."""
        logs = np.asarray(self._model.loglikelihood_rolling(self._requests, disable_tqdm=True))
        bits = -logs / math.log(2)
        rate = float(bits.sum() / self._bytes.sum())
        return Score(
            value=-rate,
            stderr=_ratio_error(bits, self._bytes, rate),
            items=tuple(float(value) for value in -bits / self._bytes),
            qualities={"bits_per_byte": rate},
        )


def passages(spec: HeldoutSpec, corpus: Corpus) -> list[str]:
    """The held-out text in passages of about `spec.passage` characters, cut at line ends.

    Raises:
        InputError: see `HeldoutScorer`.
    """
    if spec.text is not None:
        content = corpus.named(spec.text, "objective.scores").read()
        parts = [content[split_at(content, spec.share) :]]
    else:
        for path in spec.files:
            if not path.is_file():
                raise FieldError("objective.scores", f"the held-out file {str(path)!r} is not there. Check `files`.")
            _refuse_training_text(path, corpus)
        parts = [read_file(path) for path in spec.files]
    found = [passage for part in parts for passage in _cut(part, spec.passage)]
    if not found:
        raise FieldError("objective.scores", "the held-out text is empty. Give files with text, or a larger `share`.")
    return found


def _refuse_training_text(path: Path, corpus: Corpus) -> None:
    content = path.read_bytes()
    for text in corpus.texts:
        if any(file.stat().st_size == len(content) and file.read_bytes() == content for file in text.files):
            raise FieldError(
                "objective.scores",
                f"the held-out file {str(path)!r} is the text {text.name!r}, which trials train on. Give "
                f"`text: {text.name}` instead of `files`, to keep its end from training, or another file.",
            )


def _cut(content: str, size: int) -> list[str]:
    pieces: list[str] = []
    current = ""
    for line in content.splitlines(keepends=True):
        current += line
        if len(current) >= size:
            pieces.append(current)
            current = ""
    return [piece for piece in (*pieces, current) if piece.strip()]


def _ratio_error(bits: np.ndarray, sizes: np.ndarray, rate: float) -> float:
    """Standard error of a ratio of sums (Cochran, Sampling Techniques, 1977, section 6.4), by linearisation."""
    if len(bits) < 2:
        return 0.0
    residuals = bits - rate * sizes
    return float(math.sqrt(np.var(residuals, ddof=1) / len(bits)) / sizes.mean())
