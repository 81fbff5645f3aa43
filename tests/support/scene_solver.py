"""Answers of the shipped scenes, found from their text alone and by other means than those that made them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from objectives.scenes.spec import ChoicePrompt

_T = TypeVar("_T")

_POLES = {
    high: pair
    for pair in [
        ("faster", "slower"),
        ("taller", "shorter"),
        ("older", "younger"),
        ("richer", "poorer"),
        ("выше", "ниже"),
        ("старше", "моложе"),
    ]
    for high in pair
}
_FACING = {"east": 1, "north": 1j, "west": -1, "south": -1j} | {"восток": 1, "север": 1j, "запад": -1, "юг": -1j}
_TURNS = {"left": 1j, "right": -1j, "around": -1} | {"налево": 1j, "направо": -1j, "кругом": -1}


class UnsolvedError(Exception):
    """The text does not say it, says both, or is of a form that nobody foresaw."""


@dataclass(frozen=True)
class Solved:
    """Facts that a text entails, and over how many steps of inference."""

    answer: str
    steps: int


def only(found: list[_T], of: str) -> _T:
    if len(found) != 1:
        raise UnsolvedError(f"{len(found)} instead of one: {of}")
    return found[0]


def _parsed(text: str, forms: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name of the first form that every sentence has, and its parts; the last sentence is the question."""
    for sentence in text.split(". "):
        for form, name in forms.items():
            if match := re.fullmatch(form, sentence):
                yield name, tuple(part for part in match.groups() if part is not None)
                break
        else:
            raise UnsolvedError(f"no form fits {sentence!r}")


_ORDER = {
    r"(\w+) is (\w+) than (\w+)": "premise",
    r"(\w+) (\w+), чем (\w+)": "premise",
    r"Of (\w+) and (\w+), the (\w+) one is": "question",
    r"Если сравнить, кто \w+, (\w+) или (\w+), то (\w+)": "question",
}


def order(text: str, choices: list[str]) -> Solved:
    """Paths in the graph of premises, counted by powers of its matrix: there must be one, in one direction."""
    parts = list(_parsed(text, _ORDER))
    first, second, asked = only([found for name, found in parts if name == "question"], text)
    premises = [found for name, found in parts if name == "premise"]
    people = sorted({person for one, _, other in premises for person in (one, other)})
    above: NDArray[np.int64] = np.zeros((len(people), len(people)), np.int64)
    for one, relation, other in premises:
        pole, against = _POLES[asked]
        high, low = {pole: (one, other), against: (other, one)}[relation]
        above[people.index(high), people.index(low)] += 1
    powers = [np.linalg.matrix_power(above, length) for length in range(1, len(people) + 1)]
    if powers[-1].any():
        raise UnsolvedError(f"premises in a circle: {text}")
    paths = [
        (high, length, int(power[people.index(high), people.index(low)]))
        for high, low in [(first, second), (second, first)]
        for length, power in enumerate(powers, 1)
        if power[people.index(high), people.index(low)]
    ]
    top, length, count = only(paths, text)
    if count > 1 or {first, second} != set(choices):
        raise UnsolvedError(text)
    return Solved(top if asked == _POLES[asked][0] else second if top == first else first, length)


_RULES = {
    r"Every (\w+) is an? (\w+)": "rule",
    r"Every (\w+) is (\w+)": "rule",
    r"Каждый (\w+) — это (\w+)": "rule",
    r"Каждый (\w+) — (\w+)": "rule",
    r"Tom is an? (\w+)": "kind",
    r"Том — это (\w+)": "kind",
    r"So Tom is|Значит, Том —": "question",
}


def rules(text: str, choices: list[str]) -> Solved:
    """Facts that follow of Tom's kind, rule after rule until nothing new does."""
    parts = list(_parsed(text, _RULES))
    known = {only([found[0] for name, found in parts if name == "kind"], text): 0}
    implied = [found for name, found in parts if name == "rule"]
    for rounds in range(1, len(implied) + 1):
        for cause, effect in implied:
            if known.get(cause) == rounds - 1:
                known.setdefault(effect, rounds)
    answer = only([choice for choice in choices if choice in known], text)
    return Solved(answer, known[answer])


_SWAPS = {
    r"Now (\w+) has the|Теперь (\w+) держит": "question",
    r"(\w+) has the (\w+)|(\w+) держит (\w+)": "has",
    r"(\w+) and (\w+) swap what they have|(\w+) и (\w+) меняются вещами": "swap",
}


def swaps(text: str, choices: list[str]) -> Solved:
    """From the last swap back to the first: who had before what is asked for."""
    parts = list(_parsed(text, _SWAPS))
    had = dict(found for name, found in parts if name == "has" and len(found) == 2)
    swapped = [found for name, found in parts if name == "swap"]
    holder = only([found[0] for name, found in parts if name == "question"], text)
    for one, other in reversed(swapped):
        holder = {one: other, other: one}.get(holder, holder)
    if sorted(had.values()) != sorted(choices):
        raise UnsolvedError(text)
    return Solved(had[holder], len(swapped))


_SUMS = {
    r"Start with (\d+)|Возьми число (\d+)": "start",
    r"Add (\d+)|Прибавь (\d+)": "+",
    r"Take away (\d+)|Отними (\d+)": "-",
    r"The number is now|Теперь это число": "question",
}


def sums(text: str, choices: list[str]) -> Solved:
    """The sum of what is added less the sum of what is taken away."""
    parts = [(name, int(found[0])) for name, found in _parsed(text, _SUMS) if name != "question"]
    total = {sign: sum(number for name, number in parts if name == sign) for sign in ("start", "+", "-")}
    return Solved(str(total["start"] + total["+"] - total["-"]), len(parts) - 1)


_TURNED = {
    r"Otto faces (\w+)|Отто смотрит на (\w+)": "faces",
    r"He turns (\w+)|Он (?:поворачивает|поворачивается) (\w+)": "turns",
    r"Now he faces|Теперь он смотрит на": "question",
}


def turns(text: str, choices: list[str]) -> Solved:
    """Complex numbers: ahead is a number, a quarter turn to the left multiplies it by i."""
    parts = list(_parsed(text, _TURNED))
    turned = [_TURNS[found[0]] for name, found in parts if name == "turns"]
    ahead = np.prod([_FACING[only([found[0] for name, found in parts if name == "faces"], text)], *turned])
    return Solved(only([choice for choice in choices if _FACING[choice] == ahead], text), len(turned))


DEPTH: dict[str, Callable[[str, list[str]], Solved]] = {
    "order": order,
    "rules": rules,
    "swaps": swaps,
    "sums": sums,
    "turns": turns,
}


def mistakes_in_step(kind: str, number: int, asked: ChoicePrompt) -> list[str]:
    """Faults of the answer of a step, or with how far it is to it."""
    try:
        solved = DEPTH[kind](asked.prompt, asked.choices)
    except UnsolvedError as error:
        return [str(error)]
    wrong = [] if solved.answer == asked.answer else [f"{solved.answer!r}, not {asked.answer!r}: {asked.prompt}"]
    far = [] if solved.steps == number else [f"{solved.steps} steps, not {number}: {asked.prompt}"]
    return wrong + far
