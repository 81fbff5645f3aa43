"""What a user asks of `mixtune t2l train`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from objectives.hypernet.heads import HEADS
from objectives.hypernet.network import Shape
from objectives.hypernet.training import Recipe
from spaces import InputError
from spaces.errors import did_you_mean, listed

WAYS = ("end-to-end", "reconstruction")
_DEFAULTS = {"end-to-end": Recipe(steps=1000), "reconstruction": Recipe(steps=1000)}
"""Way to the recipe where the user does not say otherwise."""
_WARM_UPS = 20
"""A run is so many times as long as its warm-up."""


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

    def recipe(self, tasks: int, batch: int | None = None) -> Recipe:
        """For so many tasks, texts or adapters to learn from.

        `batch`: sequences of a step that are known to fit, where there is such a number: a step then takes no more.
        """
        default = _DEFAULTS[self.by]
        steps = self.steps or default.steps
        at_once = min(tasks, default.tasks, batch or default.tasks)
        return replace(
            default,
            steps=steps,
            tasks=at_once,
            examples=max(1, batch // at_once) if batch else default.examples,
            learning_rate=self.learning_rate or default.learning_rate,
            warmup=max(1, steps // _WARM_UPS),
            seed=self.seed,
        )
