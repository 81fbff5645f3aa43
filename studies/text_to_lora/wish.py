"""What a user asks of `mixtune t2l train`."""

from __future__ import annotations

from dataclasses import dataclass

from objectives.hypernet.heads import HEADS
from objectives.hypernet.network import Shape
from objectives.hypernet.training import Recipe
from spaces import InputError
from spaces.errors import did_you_mean, listed

WAYS = ("end-to-end", "reconstruction")
_SIZES = {"end-to-end": (1000, 1e-3), "reconstruction": (2000, 1e-3)}
"""Way to the steps and the learning rate that are taken where none are given."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a hypernetwork is to be made; None where the user leaves it to the program."""

    by: str = "end-to-end"
    head: str = "L"
    width: int = 512
    encoder: str = "base"
    targets: str = "attention"
    rank: int = 8
    steps: int | None = None
    learning_rate: float | None = None
    folds: int = 4
    seed: int = 0

    def check(self) -> None:
        """See that the names are known.

        Raises:
            InputError: one is not.
        """
        for option, value, known in (("--by", self.by, WAYS), ("--head", self.head, HEADS)):
            if value not in known:
                raise InputError(f"{option} must be one of {listed(known)}; got {value!r}.{did_you_mean(value, known)}")

    @property
    def shape(self) -> Shape:
        return Shape(head=self.head, width=self.width)

    def recipe(self, tasks: int) -> Recipe:
        """For so many tasks or texts to learn from."""
        steps, rate = _SIZES[self.by]
        steps = self.steps or steps
        return Recipe(
            steps=steps,
            tasks=min(tasks, 8),
            learning_rate=self.learning_rate or rate,
            warmup=max(1, steps // 20),
            seed=self.seed,
        )
