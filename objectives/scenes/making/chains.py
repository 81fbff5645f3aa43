"""Scenes of depth: chains of one kind of inference, a step longer each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from objectives.scenes.making.language import Language

DEPTHS = range(1, 7)
_Question = dict[str, Any]


def _asked(stated: list[str], question: str, choices: list[str], answer: str) -> _Question:
    return {"prompt": " ".join([*stated, question]), "choices": choices, "answer": answer}


def order(say: Language, rng: random.Random) -> dict[str, list[_Question]]:
    """Neighbours of an order are compared; of two within it, with others above and below, one is asked for."""
    scale = rng.choice(say.scales)
    people = rng.sample(say.people, len(DEPTHS) + 3)
    asked = []
    for depth in DEPTHS:
        pairs = list(pairwise(people[: depth + 3]))
        rng.shuffle(pairs)
        stated = [rng.choice((scale.more, scale.less)).format(a=a, b=b) for a, b in pairs]
        two = [people[1], people[depth + 1]]
        question, answer = rng.choice(((scale.ask_more, two[0]), (scale.ask_less, two[1])))
        rng.shuffle(two)
        asked.append(_asked(stated, question.format(x=two[0], y=two[1]), two, answer))
    return {"steps": asked}


def rules(say: Language, rng: random.Random) -> dict[str, list[_Question]]:
    """Two chains of rules lead from two kinds to two properties that exclude each other; Tom is of one kind."""
    names = rng.sample(say.nonsense, 2 * len(DEPTHS))
    chains = names[: len(DEPTHS)], names[len(DEPTHS) :]
    ends = list(rng.choice(say.properties))
    asked = []
    for depth in DEPTHS:
        stated = []
        for chain, end in zip(chains, ends, strict=True):
            stated += [say.say["rule"].format(a=a, b=b) for a, b in pairwise(chain[:depth])]
            stated.append(say.say["rule_end"].format(a=chain[depth - 1], b=end))
        rng.shuffle(stated)
        which = rng.randrange(2)
        stated.append(say.say["rule_start"].format(a=chains[which][0]))
        asked.append(_asked(stated, say.say["rule_ask"], ends, ends[which]))
    return {"steps": asked}


def swaps(say: Language, rng: random.Random) -> dict[str, list[_Question]]:
    """Three people have a thing each, and two at a time swap; the thing that is asked for changes hands every time."""
    people, things = rng.sample(say.people, 3), rng.sample(say.things, 3)
    had = [say.say["has"].format(a=a, x=x) for a, x in zip(people, things, strict=True)]
    asked = []
    for depth in DEPTHS:
        place = rng.randrange(3)
        holder, stated = people[place], list(had)
        for _ in range(depth):
            taker = rng.choice([person for person in people if person != holder])
            a, b = rng.sample([holder, taker], 2)
            stated.append(say.say["swap"].format(a=a, b=b))
            holder = taker
        asked.append(_asked(stated, say.say["has_ask"].format(a=holder), things, things[place]))
    return {"steps": asked}


def sums(say: Language, rng: random.Random) -> dict[str, list[_Question]]:
    """A number grows and shrinks."""
    number = rng.randint(3, 9)
    stated = [say.say["start"].format(n=number)]
    asked = []
    for _ in DEPTHS:
        step = rng.randint(1, 5)
        word, change = rng.choice((("add", step), ("take", -step)) if number > step + 2 else (("add", step),))
        number += change
        stated.append(say.say[word].format(n=step))
        lowest = max(0, number - rng.randrange(4))
        choices = list(range(lowest, lowest + 4))
        rng.shuffle(choices)
        asked.append(_asked(stated, say.say["number_ask"], [str(each) for each in choices], str(number)))
    return {"steps": asked}


def turns(say: Language, rng: random.Random) -> dict[str, list[_Question]]:
    """Somebody turns where he stands."""
    facing = rng.randrange(4)
    stated = [say.say["faces"].format(x=say.directions[facing])]
    asked = []
    for _ in DEPTHS:
        word, turn = rng.choice((("left", 3), ("right", 1), ("around", 2)))
        facing = (facing + turn) % 4
        stated.append(say.say[word])
        asked.append(_asked(stated, say.say["faces_ask"], list(say.directions), say.directions[facing]))
    return {"steps": asked}


CHAINS: Mapping[str, Callable[[Language, random.Random], dict[str, list[_Question]]]] = {
    "order": order,
    "rules": rules,
    "swaps": swaps,
    "sums": sums,
    "turns": turns,
}
"""Kind of inference to what makes its chains."""
