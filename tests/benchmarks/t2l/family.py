"""A family of tasks for the shipped base: one question, whose answer is another word in each task.

Every prompt reads `which of a b c d is any?`, the form that the base answers with one of the words at chance. What is
meant stands in the task's descriptions alone, so that nothing but an adapter (or a description in the prompt) can tell.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from studies.demo.language import ANIMALS, KINDS, MONTHS, NUMBERS, is_held_out

Words = tuple[str, str, str, str]


@dataclass(frozen=True)
class Question:
    words: Words
    gold: int
    """Index of the right word."""

    @property
    def prompt(self) -> str:
        return f"which of {' '.join(self.words)} is any?"

    @property
    def answer(self) -> str:
        return f" {self.words[self.gold]}"


@dataclass(frozen=True)
class TaskFamily:
    """A task that questions can be drawn of."""

    name: str
    kind: str
    """Tasks of a kind differ in a word or two."""
    descriptions: tuple[str, ...]
    draw: Callable[[random.Random], tuple[Sequence[str], str]]
    """Four words and the right one."""
    held_out: bool = False

    def questions(self, count: int, *, asked: bool, seed: int) -> list[Question]:
        """Different questions, all with word sets that only tests use (`asked`) or all without."""
        rng = random.Random(f"{seed}:{self.name}:{asked}")
        found: dict[Words, Question] = {}
        while len(found) < count:
            words, right = self.draw(rng)
            one, two, three, four = words
            if is_held_out(words) == asked:
                found.setdefault((one, two, three, four), Question((one, two, three, four), list(words).index(right)))
        return list(found.values())


_PLACES = ("first", "second", "third", "final")
_LINES = {
    "animal": (ANIMALS, ("heavy", "top"), ("light", "bottom")),
    "number": (NUMBERS, ("big", "top"), ("small", "bottom")),
    "month": (MONTHS, ("late", "end"), ("early", "start")),
}
"""Kind of word to its order, and words for the greatest and the least of them."""


def _at(place: int, kind: str) -> Callable[[random.Random], tuple[Sequence[str], str]]:
    def draw(rng: random.Random) -> tuple[Sequence[str], str]:
        words = rng.sample(KINDS[kind], 4)
        return words, words[place]

    return draw


def _ranked(kind: str, rank: int) -> Callable[[random.Random], tuple[Sequence[str], str]]:
    ordered = _LINES[kind][0]

    def draw(rng: random.Random) -> tuple[Sequence[str], str]:
        words = rng.sample(ordered, 4)
        return words, sorted(words, key=ordered.index)[rank]

    return draw


def _kind(kind: str) -> Callable[[random.Random], tuple[Sequence[str], str]]:
    def draw(rng: random.Random) -> tuple[Sequence[str], str]:
        words = [rng.choice(KINDS[kind]), *(rng.choice(KINDS[k]) for k in rng.sample(sorted({*KINDS} - {kind}), 3))]
        right = words[0]
        rng.shuffle(words)
        return words, right

    return draw


def _stranger(kind: str) -> Callable[[random.Random], tuple[Sequence[str], str]]:
    def draw(rng: random.Random) -> tuple[Sequence[str], str]:
        right = rng.choice(KINDS[rng.choice(sorted({*KINDS} - {kind}))])
        words = [right, *rng.sample(KINDS[kind], 3)]
        rng.shuffle(words)
        return words, right

    return draw


def _among(kind: str, place: int) -> Callable[[random.Random], tuple[Sequence[str], str]]:
    """The first (0) or the last (1) of the two words of a kind."""

    def draw(rng: random.Random) -> tuple[Sequence[str], str]:
        own = rng.sample(KINDS[kind], 2)
        words = own + [rng.choice(KINDS[other]) for other in rng.sample(sorted({*KINDS} - {kind}), 2)]
        rng.shuffle(words)
        there = [word for word in words if word in own]
        return words, there[place]

    return draw


def _wordings(*wordings: str) -> tuple[str, ...]:
    return wordings


def family() -> list[TaskFamily]:
    """All tasks; a fifth of each kind that has enough is held out."""
    tasks = []
    for place, word in enumerate(_PLACES):
        for kind in ("food", "colour", "name", "object"):
            wordings = _wordings(f"list {kind} {word}", f"{kind} {word} =", f"the {word} of the list of {kind}")
            held = (place, kind) in {(0, "object"), (2, "food"), (3, "colour")}
            tasks.append(TaskFamily(f"{word}_{kind}", "place", wordings, _at(place, kind), held))
    for kind, (_, greatest, least) in _LINES.items():
        for rank, words in ((3, greatest), (0, least)):
            wordings = _wordings(*(f"list {kind} {word}" for word in words), f"the {words[1]} {kind} of the list")
            held = (kind, rank) == ("number", 0)
            tasks.append(TaskFamily(f"{kind}_{words[1]}", "order", wordings, _ranked(kind, rank), held))
    for kind in sorted(KINDS):
        wordings = _wordings(f"list pick {kind}", f"kind {kind}", f"pick the {kind} of the list")
        tasks.append(TaskFamily(f"pick_{kind}", "pick", wordings, _kind(kind), kind in {"colour", "place"}))
    for kind in sorted(KINDS):
        wordings = _wordings(f"list {kind} stranger", f"the stranger of the list of {kind}", f"{kind} minus stranger")
        tasks.append(TaskFamily(f"not_{kind}", "stranger", wordings, _stranger(kind), kind in {"food", "month"}))
    for kind in sorted(KINDS):
        for place, word in enumerate(("first", "final")):
            wordings = _wordings(f"list {kind} pick {word}", f"the {word} {kind} of the list", f"pick {word} {kind}")
            held = (kind, place) in {("animal", 1), ("name", 0), ("month", 1)}
            tasks.append(TaskFamily(f"{word}_of_{kind}", "place of a kind", wordings, _among(kind, place), held))
    return tasks
