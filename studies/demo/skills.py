"""Reasoning skills of the demo: each question asks for the one of four listed words that fits a rule."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from studies.demo.language import ANIMALS, FOODS, KINDS, NUMBERS, is_held_out


@dataclass(frozen=True, slots=True)
class Question:
    """A multiple-choice question whose answer is one of its four `choices`."""

    skill: str
    choices: tuple[str, ...]
    gold: int
    """Index of the correct choice."""
    rule: str
    """End of the question: the relation that the answer satisfies."""

    @property
    def prompt(self) -> str:
        return f"which of {' '.join(self.choices)} is {self.rule}?"

    @property
    def answer(self) -> str:
        return self.choices[self.gold]

    def line(self, answer: str | None = None) -> str:
        """Return the question with its answer, as in a book; `answer` replaces the correct one."""
        return f"{self.prompt} {answer or self.answer}."


def _heavy(rng: random.Random) -> Question:
    choices = rng.sample(ANIMALS, 4)
    gold = max(range(4), key=lambda i: ANIMALS.index(choices[i]))
    return Question("heavy", tuple(choices), gold, "heaviest")


def _edible(rng: random.Random) -> Question:
    others = rng.sample(sorted(KINDS.keys() - {"food"}), 3)
    choices = [rng.choice(FOODS), *(rng.choice(KINDS[kind]) for kind in others)]
    rng.shuffle(choices)
    gold = next(i for i, word in enumerate(choices) if word in FOODS)
    return Question("edible", tuple(choices), gold, "edible")


def _odd(rng: random.Random) -> Question:
    usual, strange = rng.sample(sorted(KINDS), 2)
    choices = [*rng.sample(KINDS[usual], 3), rng.choice(KINDS[strange])]
    rng.shuffle(choices)
    gold = next(i for i, word in enumerate(choices) if word in KINDS[strange])
    return Question("odd", tuple(choices), gold, "odd")


def _between(rng: random.Random) -> Question:
    low, high = sorted(rng.sample(range(len(NUMBERS)), 2))
    inside = range(low + 1, high)
    outside = [i for i in range(len(NUMBERS)) if i < low or i > high]
    if not inside or len(outside) < 3:
        return _between(rng)
    right = rng.choice(inside)
    choices = [right, *rng.sample(outside, 3)]
    rng.shuffle(choices)
    return Question(
        "between",
        tuple(NUMBERS[i] for i in choices),
        choices.index(right),
        f"between {NUMBERS[low]} and {NUMBERS[high]}",
    )


SKILLS: Mapping[str, Callable[[random.Random], Question]] = {
    "odd": _odd,
    "heavy": _heavy,
    "between": _between,
    "edible": _edible,
}


def questions(skill: str, count: int, *, held_out: bool, seed: int) -> list[Question]:
    """Return `count` distinct questions of a skill, all with held-out word sets or all without."""
    rng = random.Random(f"{seed}:{skill}:{held_out}")
    by_prompt: dict[str, Question] = {}
    while len(by_prompt) < count:
        question = SKILLS[skill](rng)
        if is_held_out(question.choices) == held_out:
            by_prompt.setdefault(question.prompt, question)
    return list(by_prompt.values())
