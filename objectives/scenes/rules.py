"""The rules of a story: words that a continuation must and must not contain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from objectives.data.spans import words_of
from spaces.errors import UnfitError

if TYPE_CHECKING:
    from objectives.scenes.spec import CompletionScene

_FEWEST_DIFFERENT = 0.5
"""Share of the words of a continuation that must be distinct, so that repetition does not count."""


def follows(scene: CompletionScene, words: Sequence[str]) -> bool:
    """Whether the words of a continuation, in lower case, follow the rules of a scene."""
    distinct = set(words)
    return (
        scene.min_words <= len(words) <= scene.max_words
        and len(distinct) >= _FEWEST_DIFFERENT * len(words)
        and all(distinct & _lower(group) for group in scene.includes)
        and not distinct & _lower(scene.excludes)
        and len(distinct & _lower(scene.either)) == bool(scene.either)
    )


def _lower(words: Sequence[str]) -> set[str]:
    return {word.lower() for word in words}


def one_word(entry: str) -> str:
    """Check that an entry of a rule is a single word, and return the entry.

    Raises:
        ValueError: the entry is not a single word.
    """
    if words_of(entry) != [entry.lower()]:
        raise UnfitError(
            f"rules must list single words; got {entry!r}. Give words one by one, without punctuation",
            code="not-one-word",
        )
    return entry
