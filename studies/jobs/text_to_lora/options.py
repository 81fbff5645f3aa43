"""What a user asks of `mixtune t2l train`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from objectives.spec import PRECISIONS
from objectives.text_to_lora.heads import HEADS
from objectives.text_to_lora.network import Shape
from objectives.text_to_lora.training import Recipe
from spaces import InputError
from spaces.choices import SWITCHES, Switch
from spaces.errors import did_you_mean, listed

END_TO_END, RECONSTRUCTION = "end-to-end", "reconstruction"
WAYS = (END_TO_END, RECONSTRUCTION)
_TARGETS, _RANK, _FOLDS, _PRECISION = "attention", 8, 4, "float32"
_BATCH = 64
"""Sequences of a step."""
_TASKS = 8
"""Tasks, texts or adapters of a step."""
_STEPS, _LEARNING_RATE = 1000, 1e-3
_WARM_UPS = 20
"""A run is so many times as long as its warm-up."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a hypernetwork is to be made; None where the user leaves it to the program."""

    by: str = END_TO_END
    head: str = "L"
    width: int = 512
    encoder: str = "base"
    targets: str | None = None
    rank: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    batch: int | None = None
    folds: int | None = None
    precision: str | None = None
    seed: int = 0
    chat_template: str | None = None

    def check(self, *, study: bool) -> None:
        """See that the names are known, and that what is asked for is not without meaning.

        Args:
            study: whether it is trained on a study, rather than on tasks.

        Raises:
            InputError: one is not known, or would be passed over.
        """
        names = (
            ("--by", self.by, WAYS),
            ("--head", self.head, HEADS),
            ("--precision", self.wanted_precision, PRECISIONS),
            ("--chat-template", self.template, SWITCHES),
        )
        for option, value, known in names:
            if value not in known:
                raise InputError(
                    f"{option} must be one of {listed(known)}; got {value!r}.{did_you_mean(value, known)}",
                    code="option-unknown",
                )
        rebuilt = study and self.by == RECONSTRUCTION
        for option, given, without_meaning, reason in (
            ("--targets", self.targets, rebuilt, "what is written is what the study's adapters are"),
            ("--rank", self.rank, rebuilt, "what is written has the highest rank of the study's adapters"),
            ("--precision", self.precision, study, "the study says it"),
            ("--chat-template", self.chat_template, study, "texts are read, and questions asked, as the study says"),
            ("--folds", self.folds, not study, "tasks that are `held_out` are the check"),
        ):
            if given is not None and without_meaning:
                raise InputError(
                    f"{option} has no meaning here: {reason}. Leave it out.", code="option-without-meaning"
                )

    @property
    def shape(self) -> Shape:
        return Shape(head=self.head, width=self.width)

    @property
    def wanted_targets(self) -> str:
        return self.targets or _TARGETS

    @property
    def wanted_rank(self) -> int:
        return self.rank or _RANK

    @property
    def wanted_precision(self) -> str:
        return self.precision or _PRECISION

    @property
    def template(self) -> Switch:
        """Whether tasks are read inside the base's chat template."""
        return cast("Switch", self.chat_template or "auto")

    @property
    def parts(self) -> int:
        """Into which a study's texts are split, each to be left out once; 0: nothing is checked."""
        return _FOLDS if self.folds is None else self.folds

    def recipe(self, tasks: int, batch: int | None = None) -> Recipe:
        """For so many tasks, texts or adapters to learn from; `batch`: sequences of a step that are known to fit."""
        steps = self.steps or _STEPS
        sequences = self.batch or batch or _BATCH
        at_once = min(tasks, _TASKS, sequences)
        return Recipe(
            steps=steps,
            tasks=at_once,
            examples=sequences // at_once,
            learning_rate=self.learning_rate or _LEARNING_RATE,
            warmup=max(1, steps // _WARM_UPS),
            seed=self.seed,
        )
