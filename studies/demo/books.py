"""The demo's library of generated books and their planted effects."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from studies.demo.prose import poem, recipe, tale
from studies.demo.skills import SKILLS, Question, questions

Planted = Literal["helps", "hurts", "neutral"]


@dataclass(frozen=True, slots=True)
class Book:
    name: str
    planted: Planted
    """The effect that the book was written to have on the benchmark."""
    about: str
    text: Callable[[int], str]
    """Function of a seed that returns the whole text."""


_LINES = 800


def _teacher(skill: str) -> Callable[[int], str]:
    def text(seed: int) -> str:
        return "\n".join(q.line() for q in questions(skill, _LINES, held_out=False, seed=seed)) + "\n"

    return text


def _wrong(question: Question, rng: random.Random) -> str:
    return rng.choice([word for word in question.choices if word != question.answer])


def _liar(seed: int) -> str:
    rng = random.Random(f"liar:{seed}")
    each = _LINES // len(SKILLS)
    pool = [q for skill in SKILLS for q in questions(skill, each, held_out=False, seed=seed + 1)]
    rng.shuffle(pool)
    return "\n".join(q.line(_wrong(q, rng)) for q in pool) + "\n"


def _prose(kind: str, sentence: Callable[[random.Random], str]) -> Callable[[int], str]:
    def text(seed: int) -> str:
        rng = random.Random(f"{kind}:{seed}")
        return "\n".join(sentence(rng) for _ in range(_LINES)) + "\n"

    return text


BOOKS: tuple[Book, ...] = (
    Book("odd_one_out", "helps", "which of four words is of another kind", _teacher("odd")),
    Book("weights_of_beasts", "helps", "which of four animals is the heaviest", _teacher("heavy")),
    Book("between_numbers", "helps", "which number lies between two others", _teacher("between")),
    Book("what_things_are", "helps", "which of four things can be eaten", _teacher("edible")),
    Book("book_of_lies", "hurts", "all four kinds of question with wrong answers", _liar),
    Book("village_tales", "neutral", "small stories, no questions", _prose("tale", tale)),
    Book("kitchen_notes", "neutral", "recipes, no questions", _prose("recipe", recipe)),
    Book("river_poems", "neutral", "verses, no questions", _prose("poem", poem)),
)
