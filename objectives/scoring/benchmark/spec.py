"""The kind `benchmark` of `objective.scores`: questions of lm-eval tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from objectives.scoring.entry import ScoreEntry
from spaces.choices import Spec
from spaces.errors import UnfitError
from spaces.paths import beside, file_beside

Metric = Literal["auto", "probability", "log_probability", "bits_per_byte", "margin", "accuracy"]


class TaskSpec(Spec):
    """A task of lm-eval."""

    task: Annotated[str, Field(min_length=1)]
    """A task file (`questions.yaml`, relative to the study file), or the name of a task or a group of tasks in lm-eval
    or in a folder of `include`."""
    data: Path | None = None
    """Questions on this machine for `gsm8k`, `arc_easy`, `arc_challenge`, `boolq` or `aime24`; see docs/scores.md for
    their layouts. Empty: the official task, from the hub."""
    examples: Path | None = None
    """More questions in the layout of `data`, from which `few_shot` takes its examples."""
    few_shot: int | None = Field(None, ge=0)
    """Number of examples in a prompt; empty: the default of the task."""
    weight: float = Field(1.0, gt=0)
    """Weight of the task in the mean over tasks; the tasks of a group share it equally."""
    reference: str | None = None
    """Template over a question's fields for the solution whose bits per byte are measured, if the task only generates;
    empty: the target of the task."""
    passage: str | None = None
    """Template over a question's fields for the passage that questions share; empty: a field called passage, context,
    article, paragraph or story, if there is one."""

    @model_validator(mode="after")
    def _examples_go_with_data(self) -> Self:
        if self.examples is not None and self.data is None:
            raise UnfitError(
                "examples need data: the official task and a task file have their own examples",
                code="examples-without-data",
            )
        return self

    def anchored(self, folder: Path) -> Self:
        """Return a copy of the task with paths relative to `folder`."""
        paths = {
            name: beside(path, folder) for name in ("data", "examples") if (path := getattr(self, name)) is not None
        }
        return self.model_copy(update={"task": file_beside(self.task, folder), **paths})


class BenchmarkSpec(ScoreEntry):
    """Scores on the questions of lm-eval tasks."""

    former: ClassVar[Mapping[str, str]] = {"batch": "batch_size"}

    scorer: ClassVar[str] = "objectives.scoring.benchmark.scorer:BenchmarkScorer"

    kind: Literal["benchmark"]
    tasks: Annotated[list[TaskSpec], Field(min_length=1)]
    """Names, files, or tasks with their own settings."""
    include: list[Path] = Field(default_factory=list)
    """Folders with task files, whose task names `tasks` may use."""
    metric: Metric = "auto"
    """Metric that the search maximizes. `probability`: of the right answer among the choices, in [0, 1];
    `log_probability`: of the right answer, in nats; `bits_per_byte`: of the right answer or the reference solution,
    negated; `margin`: log-probability of the right answer minus that of the best wrong one, in nats; `accuracy`: share
    of right answers. `auto`: `probability` if every task has it, else `bits_per_byte`. All metrics of a task are
    recorded."""
    limit: int | None = Field(None, gt=0)
    """Number of questions of each task to use, from the first; empty: all."""
    fewshot_as_multiturn: bool = True
    """Whether each few-shot example is a turn of its own inside a chat template; otherwise they share one turn."""
    batch_size: int = Field(64, gt=0)
    """Questions scored at once."""
    allow_code: bool = False
    """Run the code of tasks: Python functions that a task file names with `!function`, and model answers that a task
    such as HumanEval executes. See docs/security.md."""

    @field_validator("tasks", mode="before")
    @classmethod
    def _names_are_tasks(cls, tasks: Any) -> Any:
        """Expand a name to a task without settings of its own."""
        return (
            [{"task": task} if isinstance(task, str) else task for task in tasks] if isinstance(tasks, list) else tasks
        )

    def anchored(self, folder: Path) -> Self:
        include = [beside(path, folder) for path in self.include]
        return self.model_copy(update={"tasks": [task.anchored(folder) for task in self.tasks], "include": include})

    @property
    def titles(self) -> list[str]:
        return [task.task for task in self.tasks]

    @property
    def examples_are_turns(self) -> bool:
        return self.fewshot_as_multiturn
