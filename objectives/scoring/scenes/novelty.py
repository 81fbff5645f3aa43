"""Novelty of generated text: the share of new spans of words, and the longest copied passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from objectives.data.spans import Hashes, rolling, word_hashes, words_of
from spaces import Corpus

SPAN = 4
"""Words of a span; shorter spans are rarely new."""


@dataclass(frozen=True, slots=True)
class Novelty:
    """Novelty of a continuation, after McCoy et al. (2023, arXiv 2111.09509), who compare n-grams and copies."""

    share: float
    """Share of the continuation's spans of four words, in [0, 1], that neither the texts nor the prompt contain; with
    fewer than four words 1, or 0 without any."""
    longest_copy: int
    """Words of the longest passage that the texts or the prompt contain; 0 if below four."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A text that may have been copied, as hashes of words and spans."""

    words: Hashes
    """Hashes of the words, shape (words,)."""
    spans: Hashes
    """Hashes of the spans of four words, sorted, shape (spans,)."""
    places: NDArray[np.int64]
    """Index of each span's first word, shape (spans,)."""

    @classmethod
    def of(cls, words: Hashes) -> Self:
        spans = rolling(words, SPAN)
        order = np.argsort(spans, kind="stable")
        return cls(words, spans[order], order)

    def copies(self, words: Hashes) -> list[int]:
        """Return the number of copied words from the beginning of each span of a continuation; 0 for a new span."""
        return [
            max((self._common(words[start:], place) for place in self._places_of(span)), default=0)
            for start, span in enumerate(rolling(words, SPAN))
        ]

    def _places_of(self, span: np.uint64) -> NDArray[np.int64]:
        first, last = np.searchsorted(self.spans, span, "left"), np.searchsorted(self.spans, span, "right")
        return self.places[first:last]

    def _common(self, words: Hashes, place: int) -> int:
        """Number of leading words that equal the words of the source from a place on."""
        rest = min(len(words), len(self.words) - place)
        differs = np.flatnonzero(words[:rest] != self.words[place : place + rest])
        return int(differs[0]) if len(differs) else rest


class TrainedOn:
    """The texts that a model may have been trained on, read on first use."""

    def __init__(self, corpus: Corpus) -> None:
        """Store the corpus."""
        self._corpus = corpus

    @cached_property
    def _texts(self) -> _Source:
        """All texts, separated by a hash that no word has."""
        end = np.zeros(1, np.uint64)
        texts = [word_hashes(words_of(text.read())) for text in self._corpus.texts]
        return _Source.of(np.concatenate([end, *(part for text in texts for part in (text, end))]))

    def novelty(self, words: Sequence[str], prompt: str = "") -> Novelty:
        """Compute the novelty of a continuation of a prompt, given as words in lower case."""
        hashes = word_hashes(words)
        copied = np.array(
            [source.copies(hashes) for source in (self._texts, _Source.of(word_hashes(words_of(prompt))))]
        )
        if not copied.size:
            return Novelty(float(bool(words)), 0)
        longest = copied.max(axis=0)
        return Novelty(float(np.mean(longest == 0)), int(longest.max()))
