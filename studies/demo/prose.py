"""Plain sentences of the neutral books; the base is trained on the same kinds, so these books teach it nothing."""

from __future__ import annotations

import random

from studies.demo.language import ADJECTIVES, ANIMALS, COLOURS, FOODS, MONTHS, NAMES, OBJECTS, PLACES


def tale(rng: random.Random) -> str:
    one, other = rng.sample(NAMES, 2)
    place, item = rng.choice(PLACES), rng.choice(OBJECTS)
    return rng.choice(
        (
            f"{one} met {other} at the {place} and gave back the {rng.choice(ADJECTIVES)} {item}.",
            f"{one} lost a {rng.choice(COLOURS)} {item} near the {place} and {other} found it.",
            f"the {rng.choice(ANIMALS)} of {one} ran to the {place} and slept by the {item}.",
        )
    )


def recipe(rng: random.Random) -> str:
    one, other, third = rng.sample(FOODS, 3)
    return rng.choice(
        (
            f"mix the {one} with {other} in a {rng.choice(COLOURS)} cup and add some {third}.",
            f"boil the {one} until it is {rng.choice(ADJECTIVES)} then serve it with {other}.",
            f"cut the {one} and put it on the {other} with a spoon of {third}.",
        )
    )


def poem(rng: random.Random) -> str:
    return rng.choice(
        (
            f"o {rng.choice(COLOURS)} {rng.choice(PLACES)} so {rng.choice(ADJECTIVES)} so {rng.choice(ADJECTIVES)}.",
            f"the {rng.choice(ANIMALS)} sings to the {rng.choice(PLACES)} in {rng.choice(MONTHS)}.",
            f"a {rng.choice(ADJECTIVES)} {rng.choice(OBJECTS)} dreams of the {rng.choice(ANIMALS)}.",
        )
    )
