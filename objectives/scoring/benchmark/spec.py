"""The kind `benchmark` of `objective.scores`: questions, asked through lm-eval."""

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

    def anchored(self, folder: Path) -> Self:
        """A copy of the task with paths that start at `folder`."""
        paths = {
            name: beside(path, folder) for name in ("data", "examples") if (path := getattr(self, name)) is not None
        }
        return self.model_copy(update={"task": file_beside(self.task, folder), **paths})


class BenchmarkSpec(ScoreEntry):
    """Questions, asked through lm-eval."""

    former: ClassVar[Mapping[str, str]] = {"batch": "batch_size"}

    scorer: ClassVar[str] = "objectives.scoring.benchmark.scorer:BenchmarkScorer"

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
    batch_size: int = Field(64, gt=0)
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

    def anchored(self, folder: Path) -> Self:
        include = [beside(path, folder) for path in self.include]
        return self.model_copy(update={"tasks": [task.anchored(folder) for task in self.tasks], "include": include})

    @property
    def titles(self) -> list[str]:
        return [task.task for task in self.tasks]

    @property
    def examples_are_turns(self) -> bool:
        return self.fewshot_as_multiturn
