"""Run a model on the questions of tasks, and collect the results in tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from objectives.base import TaskMetadata
from objectives.scoring.figures import accuracy, figures, own_metrics
from objectives.scoring.harness import seeded
from objectives.scoring.questions.loaded_task import LoadedTask, Question

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

Table = dict[str, list[Any]]
"""Values of each metric for every question of a task."""


def answer_all(model: HFLM, chosen: Sequence[Sequence[Question]], *, generate: bool) -> None:
    """Fill the responses of all requests, with one call of the model for each kind of request.

    `chosen`: the questions of each task; `generate`: whether answers are also generated.
    """
    requests: dict[str, list[Instance]] = defaultdict(list)
    for question in (question for questions in chosen for question in questions):
        for instance in (*question.instances, *question.references):
            instance.resps, instance.filtered_resps = [], {}
            if generate or instance.request_type != "generate_until":
                requests[instance.request_type].extend([instance] * instance.repeats)
    for kind, instances in requests.items():
        with seeded() if kind == "generate_until" else nullcontext():
            answers = getattr(model, kind)(instances, disable_tqdm=True)
        for instance, answer in zip(instances, answers, strict=True):
            instance.resps.append(answer)


def table_of(task: LoadedTask, questions: Sequence[Question], *, generate: bool) -> Table:
    """Return mixtune's figures by name, then lm-eval's own metrics by `metric,filter`."""
    table: Table = defaultdict(list)
    for question in questions:
        for name, value in figures(task, question).items():
            table[name].append(value)
    if task.kind != "generate_until" or generate:
        metrics = own_metrics(task, list(questions))
        right = accuracy(task, list(questions), metrics)
        if right is not None:
            table["accuracy"] = right
        table |= metrics
    return dict(table)


def arrays_of(tasks: Sequence[LoadedTask], tables: Sequence[Table]) -> dict[str, NDArray[np.float32]]:
    """Return every numeric metric of every question by `task/metric`, shape (questions,)."""
    return {
        f"{task.name}/{name}": np.asarray(values, dtype=np.float32)
        for task, table in zip(tasks, tables, strict=True)
        for name, values in table.items()
        if all(isinstance(value, int | float) for value in values)
    }


def metadata_of(tasks: Sequence[LoadedTask], chosen: Sequence[Sequence[Question]]) -> tuple[TaskMetadata, ...]:
    """Return the metadata of the scored tasks and questions, in the order of the arrays."""
    return tuple(
        TaskMetadata(task.name, task.version, task.digest, tuple(question.own for question in questions))
        for task, questions in zip(tasks, chosen, strict=True)
    )
