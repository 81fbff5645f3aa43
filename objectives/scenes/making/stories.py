"""Scenes of completion and of compression: stories to be continued, and rules to be written out."""

from __future__ import annotations

import random
from typing import Any

from objectives.scenes.making.language import Language, Opening, Series

_LONGEST = 60
"""Words of a continuation."""


def completion(opening: Opening, say: Language, rng: random.Random) -> dict[str, Any]:
    """The beginning of a story with its rules."""
    a, b = rng.sample(say.people, 2)
    x, y = rng.sample(say.things, 2)
    words = {"a": a, "b": b, "x": x, "y": y, "place": rng.choice(say.places)}
    return {
        "prompt": opening.prompt.format(**words),
        "includes": [[word.format(**words) for word in group] for group in opening.includes],
        "excludes": [word.format(**words) for word in opening.excludes],
        **({"either": [word.format(**words) for word in opening.either]} if opening.either else {}),
        "max_words": _LONGEST,
        "example": opening.example.format(**words),
    }


def compression(series: Series, say: Language, rng: random.Random) -> dict[str, Any]:
    """A rule, and the row that it stands for."""
    words, row = _ROWS[series.kind](say, rng)
    return {"short": series.given.format(**words), "lead": say.say["lead"], "long": row}


def definition(word: str, meaning: str, say: Language) -> dict[str, Any]:
    """A word, and what it means."""
    return {"short": word, "lead": say.say["lead"], "long": meaning}


def _even(_: Language, rng: random.Random) -> tuple[dict[str, str], str]:
    first = 2 * rng.randint(1, 15)
    return _numbers(range(first, first + 2 * rng.randint(5, 8), 2))


def _multiples(_: Language, rng: random.Random) -> tuple[dict[str, str], str]:
    step = rng.randint(3, 9)
    first = step * rng.randint(1, 4)
    words, row = _numbers(range(first, first + step * rng.randint(5, 8), step))
    return {**words, "step": str(step)}, row


def _down(_: Language, rng: random.Random) -> tuple[dict[str, str], str]:
    first = rng.randint(12, 30)
    return _numbers(range(first, first - rng.randint(6, 9), -1))


def _repeat(say: Language, rng: random.Random) -> tuple[dict[str, str], str]:
    word, times = rng.choice(say.things), rng.randint(5, 9)
    return {"word": word, "times": str(times)}, " ".join([word] * times)


def _days(say: Language, rng: random.Random) -> tuple[dict[str, str], str]:
    first, count = rng.randrange(7), rng.randint(4, 6)
    row = [say.days[(first + after) % 7] for after in range(count)]
    return {"first": row[0], "last": row[-1]}, ", ".join(row)


def _numbers(found: range) -> tuple[dict[str, str], str]:
    return {"first": str(found[0]), "last": str(found[-1])}, ", ".join(map(str, found))


_ROWS = {"even": _even, "multiples": _multiples, "down": _down, "repeat": _repeat, "days": _days}
"""Kind of a series to its gaps and its row."""
