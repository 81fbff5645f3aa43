"""Metrics of answered questions: continuous figures, lm-eval's own metrics, and accuracy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from objectives.lm_eval_compat import filter_answers
from objectives.scoring.questions.loaded_task import FIGURES, LoadedTask, Question
from objectives.scoring.spec import BenchmarkSpec
from spaces.errors import FieldError, listed

_PREFERRED = ("acc", "exact_match")
"""Metrics of lm-eval that are preferred if a task has several metrics of correctness."""
_SAYS_RIGHT = re.compile(r"acc|match|^em$|^pass")


def choose_metric(spec: BenchmarkSpec, tasks: list[LoadedTask]) -> str:
    """Choose the metric that the search uses; for `auto` the finest that all tasks share.

    Raises:
        FieldError: a task does not have the metric.
    """
    if spec.metric == "auto":
        return "probability" if all("probability" in FIGURES[task.kind] for task in tasks) else "bits_per_byte"
    for task in tasks:
        if spec.metric not in FIGURES[task.kind]:
            raise FieldError(
                "objective.scores",
                f"the task {task.name!r} ({task.kind}) has no metric {spec.metric!r}. It has "
                f"{', '.join(FIGURES[task.kind])}; `auto` chooses one that all tasks have.",
                code="metric-unknown",
            )
        own = task.task.aggregation()
        if spec.metric == "accuracy" and task.kind != "multiple_choice" and not any(map(_SAYS_RIGHT.search, own)):
            raise FieldError(
                "objective.scores",
                f"the metrics of the task {task.name!r} ({listed(own)}) do not say whether an answer is right. Add "
                "exact_match to its metric_list, or use another `metric`.",
                code="metric-judges-nothing",
            )
    return spec.metric


def figures(task: LoadedTask, question: Question) -> dict[str, float]:
    """Compute the continuous figures of an answered question.

    `probability` in [0, 1], `log_probability` and `margin` in nats, `bits_per_byte` negated; higher is always better.
    """
    if task.kind == "multiple_choice":
        return _choices(question)
    if task.kind == "loglikelihood_rolling":
        return _of_answer(question.instances[0].resps[0], answer_bytes(question))
    instances = question.references or question.instances
    nats = math.fsum(instance.resps[0][0] for instance in instances)
    values = _of_answer(nats, _size("".join(instance.args[1] for instance in instances)))
    return values if question.references else {"probability": math.exp(nats), **values}


def answer_bytes(question: Question) -> int:
    """Number of bytes of the text of a question of the kind `loglikelihood_rolling`."""
    return len(question.instances[0].args[0].encode())


def own_metrics(task: LoadedTask, questions: list[Question]) -> dict[str, list[Any]]:
    """Compute lm-eval's own metrics of every question, by `metric,filter`."""
    filter_answers(task.task, [instance for question in questions for instance in question.instances])
    metrics: dict[str, list[Any]] = {}
    for name in questions[0].instances[0].filtered_resps:
        for question in questions:
            answers = [instance.filtered_resps[name] for instance in question.instances]
            for metric, value in task.task.process_results(question.doc, answers).items():
                metrics.setdefault(f"{metric},{name}", []).append(value)
    return {name: values for name, values in metrics.items() if len(values) == len(questions)}


def accuracy(task: LoadedTask, questions: list[Question], metrics: Mapping[str, list[Any]]) -> list[float] | None:
    """Correctness of each answer: the task's own metric of correctness, else whether the most probable choice is right.

    None if the task has neither.
    """
    names = [name for name, values in metrics.items() if all(isinstance(value, int | float) for value in values)]
    plain = sorted(
        (name for name in names if _SAYS_RIGHT.search(name.split(",")[0])),
        key=lambda name: name.split(",")[0] not in _PREFERRED,
    )
    if plain:
        return [float(value) for value in metrics[plain[0]]]
    if task.kind == "multiple_choice":
        return [float(question.choice_logs.argmax() in (question.right or ())) for question in questions]
    return None


def _of_answer(nats: float, size: int) -> dict[str, float]:
    return {"log_probability": nats, "bits_per_byte": nats / math.log(2) / size}


def _size(answer: str) -> int:
    """Number of bytes of an answer without the space between it and the question."""
    return len(answer.strip().encode()) or 1


def _choices(question: Question) -> dict[str, float]:
    """Figures of the right choice against the others; several right choices count by their total probability."""
    logs, right = question.choice_logs, list(question.right or ())
    wrong = np.delete(logs, right)
    of_right = float(np.logaddexp.reduce(logs[right]))
    best = max(right, key=lambda index: logs[index])
    return {
        "probability": math.exp(of_right - float(np.logaddexp.reduce(logs))),
        "log_probability": of_right,
        "bits_per_byte": _of_answer(of_right, _size(question.instances[best].args[1]))["bits_per_byte"],
        "margin": of_right - float(wrong.max()) if len(wrong) else 0.0,
    }
