"""How much of what a model writes it has been taught: spans of words, and the longest copied passage."""

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
"""Words in a row below which everything has been said before."""


@dataclass(frozen=True, slots=True)
class Novelty:
    """How new a continuation is; after McCoy et al. (2023, arXiv 2111.09509), who compare n-grams and copies."""

    share: float
    """Of its spans of four words, those that stand neither in a text nor before it; of fewer words, all or nothing."""
    longest_copy: int
    """Words of the longest passage that does; 0 below four."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A text that may have been copied, as words and spans of them."""

    words: Hashes
    """Shape (words,)."""
    spans: Hashes
    """Of four words, in order, shape (spans,)."""
    places: NDArray[np.int64]
    """Where each begins, shape (spans,)."""

    @classmethod
    def of(cls, words: Hashes) -> Self:
        spans = rolling(words, SPAN)
        order = np.argsort(spans, kind="stable")
        return cls(words, spans[order], order)

    def copies(self, words: Hashes) -> list[int]:
        """For every span of a continuation, how many words from its beginning on stand here; 0 where it does not."""
        return [
            max((self._alike(words[start:], place) for place in self._found(span)), default=0)
            for start, span in enumerate(rolling(words, SPAN))
        ]

    def _found(self, span: np.uint64) -> NDArray[np.int64]:
        first, last = np.searchsorted(self.spans, span, "left"), np.searchsorted(self.spans, span, "right")
        return self.places[first:last]

    def _alike(self, words: Hashes, place: int) -> int:
        """Words that are alike from the beginning and from a place on."""
        rest = min(len(words), len(self.words) - place)
        differs = np.flatnonzero(words[:rest] != self.words[place : place + rest])
        return int(differs[0]) if len(differs) else rest


class TrainedOn:
    """The texts that may have been trained on, read when first asked for."""

    def __init__(self, corpus: Corpus) -> None:
        """Remember the texts."""
        self._corpus = corpus

    @cached_property
    def _texts(self) -> _Source:
        """All texts, each with a word at its end that is none."""
        end = np.zeros(1, np.uint64)
        texts = [word_hashes(words_of(text.read())) for text in self._corpus.texts]
        return _Source.of(np.concatenate([end, *(part for text in texts for part in (text, end))]))

    def novelty(self, words: Sequence[str], prompt: str = "") -> Novelty:
        """How new the words of a continuation of a prompt are, in lower case."""
        hashes = word_hashes(words)
        copied = np.array(
            [source.copies(hashes) for source in (self._texts, _Source.of(word_hashes(words_of(prompt))))]
        )
        if not copied.size:
            return Novelty(float(bool(words)), 0)
        longest = copied.max(axis=0)
        return Novelty(float(np.mean(longest == 0)), int(longest.max()))
