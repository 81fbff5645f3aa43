"""The demo's library: what each generated book teaches, and its text."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from studies.demo.language import ADJECTIVES, ANIMALS, COLOURS, FOODS, MONTHS, NAMES, OBJECTS, PLACES
from studies.demo.skills import SKILLS, Question, questions

Planted = Literal["helps", "hurts", "neutral"]


@dataclass(frozen=True, slots=True)
class Book:
    name: str
    planted: Planted
    """The effect that the book was written to have on the benchmark."""
    about: str
    text: Callable[[int], str]
    """From a seed to the whole text."""


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


def _tale(rng: random.Random) -> str:
    one, other = rng.sample(NAMES, 2)
    place, item = rng.choice(PLACES), rng.choice(OBJECTS)
    return rng.choice(
        (
            f"{one} met {other} at the {place} and gave back the {rng.choice(ADJECTIVES)} {item}.",
            f"{one} lost a {rng.choice(COLOURS)} {item} near the {place} and {other} found it.",
            f"the {rng.choice(ANIMALS)} of {one} ran to the {place} and slept by the {item}.",
        )
    )


def _recipe(rng: random.Random) -> str:
    one, other, third = rng.sample(FOODS, 3)
    return rng.choice(
        (
            f"mix the {one} with {other} in a {rng.choice(COLOURS)} cup and add some {third}.",
            f"boil the {one} until it is {rng.choice(ADJECTIVES)} then serve it with {other}.",
            f"cut the {one} and put it on the {other} with a spoon of {third}.",
        )
    )


def _poem(rng: random.Random) -> str:
    return rng.choice(
        (
            f"o {rng.choice(COLOURS)} {rng.choice(PLACES)} so {rng.choice(ADJECTIVES)} so {rng.choice(ADJECTIVES)}.",
            f"the {rng.choice(ANIMALS)} sings to the {rng.choice(PLACES)} in {rng.choice(MONTHS)}.",
            f"a {rng.choice(ADJECTIVES)} {rng.choice(OBJECTS)} dreams of the {rng.choice(ANIMALS)}.",
        )
    )


def _diary(rng: random.Random) -> str:
    return rng.choice(
        (
            f"in {rng.choice(MONTHS)} i walked to the {rng.choice(PLACES)} with {rng.choice(NAMES)}.",
            f"{rng.choice(NAMES)} wrote to me from the {rng.choice(PLACES)} and sent a {rng.choice(OBJECTS)}.",
            f"today i ate {rng.choice(FOODS)} and saw a {rng.choice(COLOURS)} {rng.choice(ANIMALS)}.",
        )
    )


BOOKS: tuple[Book, ...] = (
    Book("odd_one_out", "helps", "which of four words is of another kind", _teacher("odd")),
    Book("weights_of_beasts", "helps", "which of four animals is the heaviest", _teacher("heavy")),
    Book("between_numbers", "helps", "which number lies between two others", _teacher("between")),
    Book("what_things_are", "helps", "which of four things can be eaten", _teacher("edible")),
    Book("book_of_lies", "hurts", "all four kinds of question with wrong answers", _liar),
    Book("village_tales", "neutral", "small stories, no questions", _prose("tale", _tale)),
    Book("kitchen_notes", "neutral", "recipes, no questions", _prose("recipe", _recipe)),
    Book("river_poems", "neutral", "verses, no questions", _prose("poem", _poem)),
)
