"""Entries of `objective.scores`: what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from spaces.choices import Spec, Switch
from spaces.errors import UnfitError

Metric = Literal["auto", "probability", "log_probability", "bits_per_byte", "margin", "accuracy"]


class Halved(Spec):
    """Questions in two halves, one of them kept from the search."""

    holdout: float = Field(0.5, ge=0, lt=1)
    """Share of each task's questions, or of the passages, that the search never sees: they confirm what it found."""
    split_seed: int = Field(0, ge=0)
    """Of the split into the two halves."""
    chat_template: Switch = "auto"
    """Whether questions are asked, and held-out dialogues read, inside the base's chat template, as lm-eval's
    `apply_chat_template` does. `auto`: where the base has one."""


class TaskSpec(Spec):
    """A task of lm-eval."""

    task: Annotated[str, Field(min_length=1)]
    """A task file (`questions.yaml`, a relative path starts at the study file), the name of a task or a group of tasks
    as lm-eval knows it, or of one in a folder of `include`."""
    data: Path | None = None
    """Questions on this machine for `gsm8k`, `arc_easy`, `arc_challenge`, `boolq` or `aime24`; see docs/scores.md for
    their layouts. Empty: the official task, from the hub."""
    examples: Path | None = None
    """More questions in the layout of `data`, from which `few_shot` takes its examples."""
    few_shot: int | None = Field(None, ge=0)
    """Examples in a prompt; empty: as the task says."""
    weight: float = Field(1.0, gt=0)
    """Of the task in the mean over tasks; the tasks of a group share it."""
    reference: str | None = None
    """Template over a question's fields for the solution whose bits per byte are measured, where the task only
    generates; empty: what the task calls its target."""
    passage: str | None = None
    """Template over a question's fields for what questions share; empty: a field called passage, context, article,
    paragraph or story, where there is one."""

    @model_validator(mode="after")
    def _examples_go_with_data(self) -> Self:
        if self.examples is not None and self.data is None:
            raise UnfitError(
                "examples go with data: the official task, and a task file, bring their own",
                code="examples-without-data",
            )
        return self


class BenchmarkSpec(Halved):
    """Questions, asked through lm-eval."""

    kind: Literal["benchmark"]
    tasks: Annotated[list[TaskSpec], Field(min_length=1)]
    """Names, files, or tasks with settings of their own."""
    include: list[Path] = Field(default_factory=list)
    """Folders with task files, whose names may stand in `tasks`."""
    metric: Metric = "auto"
    """`probability`: of the right answer among the choices; `log_probability` of the right answer, in nats;
    `bits_per_byte` of the right answer or the reference solution, negated; `margin`: log-probability of the right
    answer minus that of the best wrong one, in nats; `accuracy`: share answered right. `auto`: `probability` where
    every task has it, else `bits_per_byte`. All that a task has are recorded."""
    limit: int | None = Field(None, gt=0)
    """Use only the first so many questions of each task."""
    fewshot_as_multiturn: bool = True
    """Whether few-shot examples are turns of their own inside a chat template; otherwise all stand in one."""
    batch: int = Field(64, gt=0)
    """Questions scored at once."""
    allow_code: bool = False
    """Run the code that comes with tasks: Python that a task file names with `!function`, and answers of the model
    that a task executes, as HumanEval does. See docs/security.md."""

    @field_validator("tasks", mode="before")
    @classmethod
    def _names_are_tasks(cls, tasks: Any) -> Any:
        """A name stands for a task without settings of its own."""
        return (
            [{"task": task} if isinstance(task, str) else task for task in tasks] if isinstance(tasks, list) else tasks
        )


class HeldoutSpec(Halved):
    """Bits per byte on text that no trial trains on; the score is minus bits per byte."""

    kind: Literal["heldout"]
    files: list[Path] = Field(default_factory=list)
    """Files outside the corpus."""
    text: str | None = None
    """A text of the corpus whose end is kept from training and scored."""
    share: float = Field(0.2, gt=0, lt=1)
    """How much of `text` is kept, from its end."""
    passage: int | None = Field(None, gt=0)
    """Characters of a passage; every passage counts as one question. Empty: 2000, of a short text a fortieth of it."""
    batch: int = Field(16, gt=0)
    """Windows scored at once."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.files) == (self.text is not None):
            raise UnfitError("give either files or text", code="files-or-text")
        return self


_QualityName = Literal["depth", "consistency", "pressure", "completion", "compression"]
QUALITY_NAMES: frozenset[str] = frozenset(get_args(_QualityName))
"""Of reasoning, as scenes measure them."""


class ScenesSpec(Halved):
    """Qualities of reasoning, each by scenes that are scored by rule; see docs/scenes.md."""

    kind: Literal["scenes"]
    files: Annotated[list[str], Field(min_length=1)] = Field(default=["english"])
    """`english` and `russian` come with mixtune; a file of your own ends in .yaml."""
    weights: dict[_QualityName, Annotated[float, Field(gt=0)]] = Field(
        default={"depth": 1.0, "consistency": 1.0, "pressure": 1.0, "compression": 1.0}, min_length=1
    )
    """Of the qualities in the score. Those that the files hold besides are recorded, `completion`, for which stories
    are written, at the last rung only."""
    threshold: float = Field(0.75, gt=0, le=1)
    """Accuracy that a depth of reasoning must reach to be held."""
    limit: int | None = Field(None, gt=1)
    """Use only so many scenes of each quality and file, spread evenly over it."""
    batch: int = Field(64, gt=0)
    """Questions scored at once."""

    def weight(self, quality: str) -> float:
        """Weight of a quality in the score; 0 where it is only recorded."""
        weights: Mapping[Any, float] = self.weights
        return weights.get(quality, 0.0)


ScoreSpec = Annotated[BenchmarkSpec | HeldoutSpec | ScenesSpec, Field(discriminator="kind")]
