"""What the answers to one question say, beside right or wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import logsumexp

from objectives.scoring.spec import BenchmarkSpec
from objectives.scoring.tasks import AskedTask, Question
from spaces import FieldError

FIGURES: Mapping[str, tuple[str, ...]] = {
    "multiple_choice": ("probability", "log_probability", "bits_per_byte", "margin", "accuracy"),
    "loglikelihood": ("probability", "log_probability", "bits_per_byte", "accuracy"),
    "loglikelihood_rolling": ("bits_per_byte", "log_probability"),
    "generate_until": ("bits_per_byte", "log_probability", "accuracy"),
}
"""Kind of a task to the metrics that it has."""
_PREFERRED = ("acc", "exact_match", "acc_norm", "em", "f1")
"""Metrics of lm-eval that are called the accuracy, where a task has several."""


def choose_metric(spec: BenchmarkSpec, tasks: list[AskedTask]) -> str:
    """The metric that the search uses; for `auto` the finest that all tasks share.

    Raises:
        FieldError: a task has no such metric.
    """
    if spec.metric == "auto":
        return "probability" if all("probability" in FIGURES[task.kind] for task in tasks) else "bits_per_byte"
    for task in tasks:
        if spec.metric not in FIGURES[task.kind]:
            raise FieldError(
                "objective.scores",
                f"the task {task.name!r} ({task.kind}) has no metric {spec.metric!r}. It has "
                f"{', '.join(FIGURES[task.kind])}; `auto` finds one that all tasks have.",
            )
        if spec.metric == "accuracy" and not task.task.aggregation():
            raise FieldError(
                "objective.scores", f"the task {task.name!r} says of no answer whether it is right. Add a metric_list."
            )
    return spec.metric


def figures(task: AskedTask, question: Question) -> dict[str, float]:
    """The continuous figures of a question whose requests were answered.

    `probability` in [0, 1], `log_probability` and `margin` in nats, `bits_per_byte` negated; higher is always better.
    """
    if task.kind == "multiple_choice":
        return _choices(task, question)
    if task.kind == "loglikelihood_rolling":
        return _of_answer(question.instances[0].resps[0], question.instances[0].args[0])
    asked = question.references or question.instances
    nats = math.fsum(instance.resps[0][0] for instance in asked)
    found = _of_answer(nats, "".join(instance.args[1] for instance in asked))
    return found if question.references else {"probability": math.exp(nats), **found}


def answer_bytes(question: Question) -> int:
    """Bytes of the whole text of a question that is nothing but text."""
    return len(question.instances[0].args[0].encode())


def own_metrics(task: AskedTask, questions: list[Question]) -> dict[str, list[Any]]:
    """lm-eval's own metrics of every question, named `metric,filter` as lm-eval does."""
    task.task._instances = [  # noqa: SLF001  the filters of lm-eval go over these
        instance for question in questions for instance in question.instances
    ]
    task.task.apply_filters()
    found: dict[str, list[Any]] = {}
    for name in questions[0].instances[0].filtered_resps:
        for question in questions:
            answers = [instance.filtered_resps[name] for instance in question.instances]
            for metric, value in task.task.process_results(question.doc, answers).items():
                found.setdefault(f"{metric},{name}", []).append(value)
    return {name: values for name, values in found.items() if len(values) == len(questions)}


def accuracy(task: AskedTask, metrics: Mapping[str, list[Any]]) -> list[float] | None:
    """The metric that says how many answers are right: plain numbers, higher better; None where there is none."""
    higher = task.task.higher_is_better()
    names = [name for name, values in metrics.items() if all(isinstance(value, int | float) for value in values)]
    names = [name for name in names if higher.get(name.split(",")[0], True)]
    for wanted in _PREFERRED:
        for name in names:
            if name.split(",")[0] == wanted:
                return [float(value) for value in metrics[name]]
    return [float(value) for value in metrics[names[0]]] if names else None


def _of_answer(nats: float, answer: str) -> dict[str, float]:
    size = len(answer.strip().encode()) or 1
    return {"log_probability": nats, "bits_per_byte": nats / math.log(2) / size}


def _choices(task: AskedTask, question: Question) -> dict[str, float]:
    """Figures of the right choice against the others; of several right ones, their joint probability."""
    lm_task, doc = task.task, question.doc
    choices = lm_task.doc_to_choice(doc)
    several = getattr(lm_task, "multiple_input", 0)  # the choices stand in the prompt, before one continuation
    gold = lm_task.doc_to_text(doc) if several else lm_task.doc_to_target(doc)
    right = [
        choices.index(each) if isinstance(each, str) else int(each)
        for each in (gold if isinstance(gold, list) else [gold])
    ]
    logs = np.array([instance.resps[0][0] for instance in question.instances[: len(choices)]])
    wrong = np.delete(logs, right)
    of_right = float(logsumexp(logs[right]))
    best = max(right, key=lambda index: logs[index])
    answer = question.instances[best].args[1]
    return {
        "probability": math.exp(of_right - float(logsumexp(logs))),
        "log_probability": of_right,
        "bits_per_byte": _of_answer(of_right, answer)["bits_per_byte"],
        "margin": of_right - float(wrong.max()) if len(wrong) else 0.0,
    }
