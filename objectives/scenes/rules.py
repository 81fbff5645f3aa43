"""The rules of a story: which words a continuation must and must not hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from objectives.data.spans import words_of
from spaces.errors import UnfitError

if TYPE_CHECKING:
    from objectives.scenes.spec import CompletionScene

_FEWEST_DIFFERENT = 0.5
"""Share of the words of a continuation that must differ: repetition follows no story."""


def follows(scene: CompletionScene, words: Sequence[str]) -> bool:
    """Whether the words of a continuation, in lower case, are as many and such as the scene's rules say."""
    held = set(words)
    return (
        scene.min_words <= len(words) <= scene.max_words
        and len(held) >= _FEWEST_DIFFERENT * len(words)
        and all(held & _lower(group) for group in scene.includes)
        and not held & _lower(scene.excludes)
        and len(held & _lower(scene.either)) == bool(scene.either)
    )


def _lower(words: Sequence[str]) -> set[str]:
    return {word.lower() for word in words}


def one_word(entry: str) -> str:
    """An entry of a rule.

    Raises:
        ValueError: it is not just one word.
    """
    if words_of(entry) != [entry.lower()]:
        raise UnfitError(
            f"rules are about single words; got {entry!r}. Give words one by one, without punctuation",
            code="not-one-word",
        )
    return entry
