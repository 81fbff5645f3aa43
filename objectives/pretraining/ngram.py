"""Byte-level n-gram model: a baseline that a small language model has to beat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_MAX_CONTEXT = 7
"""Maximum length of a context, in bytes; it fits into a 64-bit integer together with the next byte."""

_Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Counts:
    """Counts of the bytes that follow contexts of one length."""

    keys: _Keys
    """Contexts with the byte after them, sorted."""
    times: NDArray[np.int64]
    """Number of occurrences of each key."""
    contexts: _Keys
    """Contexts, sorted."""
    occurrences: NDArray[np.int64]
    """Number of occurrences of each context."""
    distinct: NDArray[np.int64]
    """Number of distinct bytes that follow each context."""


class ByteModel:
    """Interpolated n-gram model of bytes (Witten and Bell, 1991).

    Each context gives shorter contexts a weight that grows with the number of its distinct next bytes.
    """

    def __init__(self, counts: Sequence[_Counts]) -> None:
        """`counts`: those of contexts of 0, 1, 2, … bytes."""
        self._counts = counts

    @classmethod
    def of(cls, texts: Iterable[str], context: int = 5) -> Self:
        """Fit a model to texts, with contexts of at most `context` bytes (7 or fewer)."""
        joined = np.frombuffer("\n".join(texts).encode(), np.uint8)
        return cls([_count(_packed(joined, length)) for length in range(min(context, _MAX_CONTEXT) + 1)])

    def bits_per_byte(self, texts: Sequence[str]) -> float:
        """Return the bits per byte of texts, total bits over total bytes; each text starts without a context."""
        bits = size = 0.0
        for text in texts:
            values = np.frombuffer(text.encode(), np.uint8)
            bits -= float(np.log2(self._probabilities(values)).sum())
            size += len(values)
        return bits / size if size else math.nan

    def _probabilities(self, values: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the probability of every byte given the bytes before it, shape (bytes,)."""
        probabilities = np.full(len(values), 1 / 256)
        for length, counts in enumerate(self._counts):
            if len(values) <= length:
                break
            keys = _packed(values, length)
            times = _look_up(counts.keys, counts.times, keys)
            occurrences, distinct = (
                _look_up(counts.contexts, values_of, keys >> np.uint64(8))
                for values_of in (counts.occurrences, counts.distinct)
            )
            total = np.maximum(occurrences + distinct, 1)
            probabilities[length:] = np.where(
                occurrences > 0, (times + distinct * probabilities[length:]) / total, probabilities[length:]
            )
        return probabilities


def _packed(values: NDArray[np.uint8], length: int) -> _Keys:
    """Pack every byte and the `length` bytes before it into one integer, the byte itself lowest.

    Returns:
        Keys of shape (bytes - length,).
    """
    keys = np.zeros(max(0, len(values) - length), np.uint64)
    for offset in range(length + 1):
        keys = keys << np.uint64(8) | values[offset : offset + len(keys)].astype(np.uint64)
    return keys


def _count(keys: _Keys) -> _Counts:
    unique, times = np.unique(keys, return_counts=True)
    contexts, first, distinct = np.unique(unique >> np.uint64(8), return_index=True, return_counts=True)
    return _Counts(unique, times, contexts, np.add.reduceat(times, first) if len(first) else times, distinct)


def _look_up(keys: _Keys, values: NDArray[np.int64], requested: _Keys) -> NDArray[np.int64]:
    """Return the values of the requested keys, 0 for missing ones."""
    if not len(keys):
        return np.zeros(len(requested), np.int64)
    positions = np.minimum(np.searchsorted(keys, requested), len(keys) - 1)
    return np.where(keys[positions] == requested, values[positions], 0)
