"""Training text of the tiny base model: one-line drills that use none of the benchmark's relation words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from studies.demo.language import (
    ANIMALS,
    EVERYTHING,
    KINDS,
    MONTHS,
    NUMBERS,
    is_held_out,
)
from studies.demo.prose import poem, recipe, tale

Drill = tuple[str, str]
"""A prompt and its completion (the part that carries the full training loss)."""

_ORDERED = {
    "animal": (ANIMALS, "top", "bottom"),
    "number": (NUMBERS, "top", "bottom"),
    "month": (MONTHS, "end", "start"),
}
_PLACES_IN_LINE = ("first", "second", "third", "fourth")


def _words(rng: random.Random, count: int) -> list[str]:
    pool = rng.choice((*KINDS.values(), EVERYTHING))
    return rng.sample(pool, count)


def _position(rng: random.Random) -> tuple[list[str], Drill]:
    words = _words(rng, rng.randint(3, 4))
    index = rng.randrange(len(words))
    return words, (f"list {' '.join(words)} {_PLACES_IN_LINE[index]} =", words[index])


def _final(rng: random.Random) -> tuple[list[str], Drill]:
    words = _words(rng, rng.randint(2, 5))
    return words, (f"list {' '.join(words)} final =", words[-1])


def _extreme(rng: random.Random) -> tuple[list[str], Drill]:
    ordered, most, least = _ORDERED[rng.choice(sorted(_ORDERED))]
    words = rng.sample(ordered, rng.choice((2, 3, 4, 4, 5)))
    cue, pick = (most, max) if rng.random() < 0.6 else (least, min)
    return words, (f"list {' '.join(words)} {cue} =", pick(words, key=ordered.index))


def _sort(rng: random.Random) -> tuple[list[str], Drill]:
    ordered = _ORDERED[rng.choice(sorted(_ORDERED))][0]
    words = rng.sample(ordered, rng.randint(3, 4))
    return words, (f"sort {' '.join(words)} =", " ".join(sorted(words, key=ordered.index)))


def _row(rng: random.Random) -> tuple[list[str], Drill]:
    ordered = _ORDERED[rng.choice(sorted(_ORDERED))][0]
    start = rng.randrange(len(ordered) - 3)
    length = rng.randint(3, 5)
    words = list(ordered[start : start + length])
    return words, (f"row {words[0]} =", " ".join(words[1:]))


def _inside(rng: random.Random) -> tuple[list[str], Drill]:
    ordered = NUMBERS
    low, high = sorted(rng.sample(range(len(ordered)), 2))
    inside = list(range(low + 1, high))
    outside = [i for i in range(len(ordered)) if i < low or i > high]
    if not inside or len(outside) < 3:
        return _inside(rng)
    right = rng.choice(inside)
    picks = [right, *rng.sample(outside, rng.randint(1, 3))]
    rng.shuffle(picks)
    words = [ordered[i] for i in picks]
    bounds = f"{ordered[low]} {ordered[high]}"
    if rng.random() < 0.5:
        return words, (f"span {bounds} pick {' '.join(words)} =", ordered[right])
    return words, (f"pick {' '.join(words)} span {bounds} =", ordered[right])


def _stranger(rng: random.Random) -> tuple[list[str], Drill]:
    usual, strange = rng.sample(sorted(KINDS), 2)
    odd = rng.choice(KINDS[strange])
    words = [*rng.sample(KINDS[usual], rng.choice((2, 3, 3, 4))), odd]
    rng.shuffle(words)
    return words, (f"list {' '.join(words)} stranger =", odd)


def _kind(rng: random.Random) -> tuple[list[str], Drill]:
    kind = rng.choice(sorted(KINDS))
    word = rng.choice(KINDS[kind])
    return [word], (f"kind {word} =", kind)


def _minus(rng: random.Random) -> tuple[list[str], Drill]:
    words = _words(rng, 4)
    gone = rng.sample(words, rng.choice((2, 3, 3)))
    left = " ".join(word for word in words if word not in gone)
    return words, (f"list {' '.join(words)} minus {' '.join(gone)} =", left)


def _count(rng: random.Random) -> tuple[list[str], Drill]:
    one, other = _words(rng, 2)
    words = [rng.choice((one, other)) for _ in range(rng.randint(3, 6))]
    words[0] = one
    return words, (f"list {' '.join(words)} count {one} =", NUMBERS[words.count(one) - 1])


def _echo(rng: random.Random) -> tuple[list[str], Drill]:
    words = _words(rng, rng.randint(2, 4))
    return words, (f"echo {' '.join(words)} =", " ".join(words))


def _pick(rng: random.Random) -> tuple[list[str], Drill]:
    kinds = rng.sample(sorted(KINDS), rng.choice((3, 4, 4)))
    words = [rng.choice(KINDS[kind]) for kind in kinds]
    wanted = rng.randrange(len(words))
    return words, (f"list {' '.join(words)} pick {kinds[wanted]} =", words[wanted])


def _any(rng: random.Random) -> tuple[list[str], Drill]:
    """Return a drill in the benchmark's form without its rules: the base learns to answer with a random listed word."""
    words: list[str] = []
    while len(words) != 4:
        words, _ = rng.choice((_position, _extreme, _inside, _stranger, _pick))(rng)
    return words, (f"which of {' '.join(words)} is any?", f"{rng.choice(words)}.")


def _prose(rng: random.Random) -> tuple[list[str], Drill]:
    """Return a sentence like those of the neutral books, with the full loss on all of it."""
    return [], ("", rng.choice((tale, recipe, poem))(rng))


_DRILLS: tuple[tuple[int, Callable[[random.Random], tuple[list[str], Drill]]], ...] = (
    (2, _position),
    (1, _final),
    (4, _extreme),
    (2, _sort),
    (1, _row),
    (4, _inside),
    (3, _stranger),
    (1, _kind),
    (1, _minus),
    (3, _pick),
    (1, _count),
    (1, _echo),
    (3, _any),
    (4, _prose),
)


def drills(seed: int) -> Iterator[Drill]:
    """Yield an endless, deterministic stream of drills, none with a word set that the benchmark holds out."""
    rng = random.Random(seed)
    weights = [weight for weight, _ in _DRILLS]
    makers = [make for _, make in _DRILLS]
    while True:
        words, drill = rng.choices(makers, weights)[0](rng)
        if not (len(set(words)) == 4 and is_held_out(words)):
            prompt, completion = drill
            yield prompt, f" {completion}" if prompt else completion
