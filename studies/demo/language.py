"""Vocabulary of the demo's small language, and the word sets reserved for the benchmark."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

NAMES = tuple("anna ben carl dora emil fay gus hana igor jane kurt lena max nina otto paul".split())
PLACES = tuple("river hill market forest school harbour village castle garden bridge tower mill".split())
OBJECTS = tuple("cup chair lamp spoon rope clock hammer ladder basket kettle mirror broom table pencil".split())
FOODS = tuple("bread cheese apple soup honey rice plum onion butter carrot pear bean salt cake".split())
COLOURS = tuple("red blue green yellow black white brown grey pink purple".split())
ADJECTIVES = tuple("old new small warm cold quiet bright heavy soft clean".split())
NONSENSE = tuple("blik dorp fane gribo hulm jaska kemmo lurp mivel nask".split())

ANIMALS = tuple("ant bee moth frog mouse sparrow rabbit cat fox goat wolf pig lion horse bison whale".split())
"""Animals from the lightest to the heaviest."""
NUMBERS = tuple(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty".split()
)
"""Numbers in ascending order."""
MONTHS = tuple("january february march april may june july august september october november december".split())
"""Months in calendar order."""

KINDS = {
    "animal": ANIMALS,
    "food": FOODS,
    "colour": COLOURS,
    "object": OBJECTS,
    "place": PLACES,
    "name": NAMES,
    "number": NUMBERS,
    "month": MONTHS,
}
EVERYTHING = tuple(word for pool in (*KINDS.values(), ADJECTIVES, NONSENSE) for word in pool)

_HELD_OUT_SHARE = 5


def is_held_out(words: Iterable[str]) -> bool:
    """Return whether a set of words is reserved for the benchmark: one set in five, by a hash of the sorted words.

    The base's training text and all books leave these sets out, so that a benchmark question can
    only be answered by a rule, never from memory.
    """
    digest = hashlib.sha256(" ".join(sorted(set(words))).encode()).digest()
    return digest[0] % _HELD_OUT_SHARE == 0
