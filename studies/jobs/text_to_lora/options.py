"""Options of `mixtune t2l train`."""

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
TRAINING_METHODS = (END_TO_END, RECONSTRUCTION)
_TARGETS, _RANK, _FOLDS, _PRECISION = "attention", 8, 4, "float32"
_BATCH = 64
"""Sequences in a step."""
_TASKS = 8
"""Tasks, texts or adapters in a step."""
_STEPS, _LEARNING_RATE = 1000, 1e-3
_WARMUP_RATIO = 20
"""Ratio of the length of a run to its warm-up."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options for training a hypernetwork; None selects the default."""

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
        """Check that names are valid and that every given option has an effect.

        Args:
            study: whether the network is trained on a study, rather than on tasks.

        Raises:
            InputError: a name is invalid, or an option would be ignored.
        """
        names = (
            ("--by", self.by, TRAINING_METHODS),
            ("--head", self.head, HEADS),
            ("--precision", self.resolved_precision, PRECISIONS),
            ("--chat-template", self.template, SWITCHES),
        )
        for option, value, allowed in names:
            if value not in allowed:
                raise InputError(
                    f"{option} must be one of {listed(allowed)}; got {value!r}.{did_you_mean(value, allowed)}",
                    code="option-unknown",
                )
        reconstructs = study and self.by == RECONSTRUCTION
        for option, given, ignored, reason in (
            ("--targets", self.targets, reconstructs, "the study's adapters determine the modules"),
            ("--rank", self.rank, reconstructs, "the rank is the highest of the study's adapters"),
            ("--precision", self.precision, study, "the study sets the precision"),
            ("--chat-template", self.chat_template, study, "the study sets how texts are read and questions are asked"),
            ("--folds", self.folds, not study, "`held_out` tasks are used for validation"),
        ):
            if given is not None and ignored:
                raise InputError(f"{option} has no effect here: {reason}. Omit it.", code="option-without-meaning")

    @property
    def shape(self) -> Shape:
        return Shape(head=self.head, width=self.width)

    @property
    def resolved_targets(self) -> str:
        return self.targets or _TARGETS

    @property
    def resolved_rank(self) -> int:
        return self.rank or _RANK

    @property
    def resolved_precision(self) -> str:
        return self.precision or _PRECISION

    @property
    def template(self) -> Switch:
        """Whether tasks are formatted with the base's chat template."""
        return cast("Switch", self.chat_template or "auto")

    @property
    def fold_count(self) -> int:
        """Number of folds of a study's texts for cross-validation; 0 for none."""
        return _FOLDS if self.folds is None else self.folds

    def recipe(self, tasks: int, batch: int | None = None) -> Recipe:
        """Return the training settings.

        Args:
            tasks: number of tasks, texts or adapters to train on.
            batch: default number of sequences in a step.
        """
        steps = self.steps or _STEPS
        sequences = self.batch or batch or _BATCH
        tasks_per_step = min(tasks, _TASKS, sequences)
        return Recipe(
            steps=steps,
            tasks=tasks_per_step,
            examples=sequences // tasks_per_step,
            learning_rate=self.learning_rate or _LEARNING_RATE,
            warmup=max(1, steps // _WARMUP_RATIO),
            seed=self.seed,
        )
