"""Tasks for a hypernetwork: a folder with one YAML file per task, with descriptions and examples."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from objectives.text_to_lora.encoders import Encoder, OneHotEncoder
from objectives.text_to_lora.training_task import TrainingTask, instruction
from spaces import InputError
from spaces.choices import Spec
from spaces.corpus import lines_of
from spaces.errors import did_you_mean
from spaces.yaml.reading import read_file

if TYPE_CHECKING:
    from objectives.bases.encoding import TextEncoding

_FEWEST = 2
"""Minimum number of training tasks."""


@dataclass(frozen=True, slots=True)
class Example:
    """Prompt with its answer."""

    prompt: str
    completion: str
    origin: Path
    """File of the example, for messages."""


class _ExampleSpec(Spec):
    prompt: str = Field(min_length=1)
    completion: str = Field(min_length=1)


class TaskSpec(Spec):
    """Contents of a task file."""

    descriptions: list[str] = Field(min_length=1)
    """Descriptions of the task, in several wordings."""
    examples: list[_ExampleSpec] | Path
    """Examples, or a `.jsonl` file with `prompt` and `completion`; its path is relative to the task file."""
    held_out: bool = False
    """Whether the task is only for validation."""


@dataclass(frozen=True, slots=True)
class Task:
    """Task with descriptions and examples."""

    name: str
    descriptions: tuple[str, ...]
    examples: tuple[Example, ...]
    held_out: bool = False

    def training_task(self, encoder: Encoder, encoding: TextEncoding, context: int) -> TrainingTask:
        """Encode the task; one-hot encoders use its name. `context`: maximum length of an example, in tokens."""
        texts = [self.name] if isinstance(encoder, OneHotEncoder) else self.descriptions
        sequences = [instruction(example, encoding, context) for example in self.examples]
        return TrainingTask(self.name, encoder(texts), sequences)


def read_tasks(folder: Path) -> list[Task]:
    """Read the tasks of a folder, named after their files.

    Raises:
        InputError: there are too few tasks, or a file is invalid; the message gives the line.
    """
    files = sorted(path for suffix in ("*.yaml", "*.yml") for path in folder.glob(suffix)) if folder.is_dir() else []
    for one, other in pairwise(sorted(files, key=lambda path: path.stem)):
        if one.stem == other.stem:
            raise InputError(
                f"{str(one)!r} and {other.name!r} would both be the task {one.stem!r}. Rename one of them.",
                code="task-names-collide",
            )
    tasks = [_task(path) for path in files]
    learned = [task for task in tasks if not task.held_out]
    if len(learned) < _FEWEST:
        raise InputError(
            f"A folder of tasks (--tasks) must have at least {_FEWEST} YAML files that are not `held_out`; "
            f"{str(folder)!r} {f'has {len(learned)}' if folder.is_dir() else 'does not exist'}. A file has "
            "`descriptions`, a list, and `examples`, a list of `prompt` and `completion`.",
            code="tasks-too-few",
        )
    return tasks


def _task(path: Path) -> Task:
    spec = read_file(path, TaskSpec, "file of a task", "descriptions:")
    if isinstance(spec.examples, Path):
        examples = _from_lines(path, path.parent / spec.examples)
    else:
        examples = [Example(example.prompt, example.completion, path) for example in spec.examples]
    if not examples or not all(text.strip() for text in spec.descriptions):
        raise InputError(
            f"{path}: a task must have an example and no empty description. Fix or remove the file.",
            code="task-incomplete",
        )
    return Task(path.stem, tuple(spec.descriptions), tuple(examples), spec.held_out)


def _from_lines(path: Path, examples: Path) -> list[Example]:
    if not examples.is_file():
        near = did_you_mean(examples.name, [other.name for other in examples.parent.glob("*.jsonl")])
        raise InputError(
            f"{path}: the file of examples {str(examples)!r} does not exist.{near}", code="examples-missing"
        )
    parsed = []
    for line in lines_of(examples):
        if (
            [turn.role for turn in line.messages] != ["user", "assistant"]
            or line.tools
            or any(turn.other for turn in line.messages)
        ):
            raise InputError(
                f"{str(examples)!r}, line {line.number}: an example must have `prompt` and `completion`.",
                code="example-incomplete",
            )
        prompt, answer = line.messages
        parsed.append(Example(prompt.content, answer.content, examples))
    return parsed


def training_tasks_of(
    tasks: list[Task], encoder: Encoder, encoding: TextEncoding, context: int
) -> tuple[list[TrainingTask], list[TrainingTask]]:
    """Encode tasks; return the training tasks and the held-out tasks.

    Raises:
        InputError: an example is longer than the base's context.
    """
    encoded = [(task.training_task(encoder, encoding, context), task.held_out) for task in tasks]
    return [training_task for training_task, out in encoded if not out], [
        training_task for training_task, out in encoded if out
    ]
