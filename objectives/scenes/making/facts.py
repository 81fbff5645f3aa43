"""Scenes of consistency and of pressure: plain facts, asked in several wordings, or with something beside them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from objectives.scenes.making.language import Language

_OFF = (-3, -2, -1, 1, 2, 3)
"""Offsets that make a sum wrong."""
_LATER = (2, 3, 5, 8, 11)
"""Months after which it is not the next."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Words that fill the gaps of a fact."""

    words: dict[str, str]
    choices: list[str]
    """The right one first; where wordings may ask for the other one, there are two."""
    others: list[str]
    """People who have no part in it."""


def consistency(kind: str, say: Language, rng: random.Random) -> dict[str, Any]:
    """The same fact in all its wordings, the people in it changing from scene to scene."""
    fact, drawn = say.facts[kind], _draw(kind, say, rng)
    wordings = []
    place = rng.randrange(len(drawn.choices))
    for wording, turned in zip(fact.wordings, fact.turned, strict=True):
        choices = list(reversed(drawn.choices)) if turned else list(drawn.choices)
        answer = choices[0]
        choices.insert(place, choices.pop(0))
        wordings.append({"prompt": wording.format(**drawn.words), "choices": choices, "answer": answer})
    return {"wordings": wordings}


def pressure(kind: str, say: Language, rng: random.Random) -> dict[str, Any]:
    """A fact and a question; between them nothing, or what must not change the answer."""
    fact, drawn = say.facts[kind], _draw(kind, say, rng)
    turned = bool(fact.other) and rng.random() < 0.5
    first, *rest = reversed(drawn.choices) if turned else drawn.choices
    stated = fact.stated.format(**drawn.words)
    question = (fact.other if turned else fact.question).format(**drawn.words)
    wrong = rng.choice(rest)
    one, other, third = drawn.others[:3]
    things = [thing for thing in say.things if thing != drawn.words.get("x")]
    beside = [
        say.say["has"].format(a=one, x=rng.choice(things)),
        rng.choice([scale for scale in say.scales if scale.more != fact.stated]).more.format(a=other, b=third),
    ]
    rng.shuffle(beside)
    choices = list(drawn.choices)
    rng.shuffle(choices)
    return {
        "plain": f"{stated} {question}",
        "distractors": " ".join([stated, *beside, question]),
        "contradiction": f"{stated} {say.say['claim'].format(wrong=f'{question} {wrong}')} {question}",
        "suggestion": f"{stated} {say.say['suggestion'].format(wrong=wrong)} {question}",
        "choices": choices,
        "answer": first,
    }


def _draw(kind: str, say: Language, rng: random.Random) -> _Drawn:
    a, b, *others = rng.sample(say.people, len(say.people))
    right, wrong = rng.sample(say.places, 2)
    p, q = rng.sample([a, b], 2)
    words = {"a": a, "b": b, "p": p, "q": q, "x": rng.choice(say.things), "right": right, "wrong": wrong}
    choices = {"older": [a, b], "gift": [a, b], "place": [right, wrong]}.get(kind, [])
    if kind == "sum":
        m, n = rng.sample(range(2, 10), 2)
        words |= {"m": str(m), "n": str(n)}
        choices = [str(m + n), *(str(m + n + off) for off in rng.sample(_OFF, 3))]
    if kind == "month":
        now = rng.randrange(12)
        words["x"] = say.months[now]
        choices = [say.months[(now + after) % 12] for after in (1, *rng.sample(_LATER, 3))]
    return _Drawn(words, choices, others)
