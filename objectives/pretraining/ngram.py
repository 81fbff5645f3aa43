"""How well bytes follow from the few before them: what a small model has to beat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_MOST = 7
"""Bytes of a context that fit into a 64-bit number together with the next byte."""

_Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Counts:
    """How often bytes followed contexts of one length."""

    keys: _Keys
    """Contexts with the byte after them, in order."""
    times: NDArray[np.int64]
    """How often each was seen."""
    contexts: _Keys
    """In order."""
    seen: NDArray[np.int64]
    """How often each context was seen."""
    kinds: NDArray[np.int64]
    """How many different bytes came after it."""


class ByteModel:
    """An interpolated n-gram model of bytes (Witten and Bell, 1991): each context leaves to shorter ones the share of
    its different next bytes among all that it has seen.
    """

    def __init__(self, counts: Sequence[_Counts]) -> None:
        """Take counts of contexts of 0, 1, 2, … bytes."""
        self._counts = counts

    @classmethod
    def of(cls, texts: Iterable[str], context: int = 5) -> Self:
        """Count the bytes of some texts, each after `context` bytes at most, 7 at most."""
        joined = np.frombuffer("\n".join(texts).encode(), np.uint8)
        return cls([_count(_packed(joined, length)) for length in range(min(context, _MOST) + 1)])

    def bits_per_byte(self, texts: Sequence[str]) -> float:
        """Bits per byte of texts that begin without a context, all bits over all bytes."""
        bits = size = 0.0
        for text in texts:
            values = np.frombuffer(text.encode(), np.uint8)
            bits -= float(np.log2(self._probabilities(values)).sum())
            size += len(values)
        return bits / size if size else math.nan

    def _probabilities(self, values: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The probability of every byte after those before it, shape (bytes,)."""
        found = np.full(len(values), 1 / 256)
        for length, counts in enumerate(self._counts):
            if len(values) <= length:
                break
            keys = _packed(values, length)
            times = _look_up(counts.keys, counts.times, keys)
            seen, kinds = (_look_up(counts.contexts, of, keys >> np.uint64(8)) for of in (counts.seen, counts.kinds))
            total = np.maximum(seen + kinds, 1)
            found[length:] = np.where(seen > 0, (times + kinds * found[length:]) / total, found[length:])
        return found


def _packed(values: NDArray[np.uint8], length: int) -> _Keys:
    """Every byte with so many before it as one number, the byte itself lowest, shape (bytes - length,)."""
    keys = np.zeros(max(0, len(values) - length), np.uint64)
    for offset in range(length + 1):
        keys = keys << np.uint64(8) | values[offset : offset + len(keys)].astype(np.uint64)
    return keys


def _count(keys: _Keys) -> _Counts:
    found, times = np.unique(keys, return_counts=True)
    contexts, first, kinds = np.unique(found >> np.uint64(8), return_index=True, return_counts=True)
    return _Counts(found, times, contexts, np.add.reduceat(times, first) if len(first) else times, kinds)


def _look_up(keys: _Keys, values: NDArray[np.int64], wanted: _Keys) -> NDArray[np.int64]:
    """The values of some keys, 0 of those that are not there."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
