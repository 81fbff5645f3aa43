"""Words of a text, and hashes of words and of spans of consecutive words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
"""A word, or a single character of Chinese and Japanese, which do not separate words."""


def words_of(text: str) -> list[str]:
    """Split a text into words in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def word_hashes(words: Sequence[str]) -> Hashes:
    """Hash every word, shape (words,)."""
    hashes = {
        word: int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big") for word in set(words)
    }
    return np.fromiter((hashes[word] for word in words), np.uint64, len(words))


def rolling(words: Hashes, length: int) -> Hashes:
    """Hash every span of `length` words, shape (words - length + 1,)."""
    spans = max(0, len(words) - length + 1)
    value = np.zeros(spans, np.uint64)
    for offset in range(length):
        value = value * _FACTOR + words[offset : offset + spans]
    return value
