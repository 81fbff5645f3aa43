"""Questions through lm-eval: share answered right, and probability of the right answer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from objectives.base import Score
from objectives.scoring.harness import language_model
from objectives.scoring.tasks import load_tasks
from objectives.spec import BenchmarkSpec
from spaces import Corpus, FieldError, MixtuneError

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import Task
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PLAIN_METRICS = ("acc", "exact_match", "acc_norm", "em", "f1", "bleu", "rouge1")
"""Metrics of one question that are a plain number, in the order in which they are preferred."""


class BenchmarkScorer:
    """Asks every question of some lm-eval tasks; the requests are built once and asked at every rung."""

    def __init__(
        self, spec: BenchmarkSpec, corpus: Corpus, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """Load the tasks.

        Raises:
            InputError: a task that cannot be loaded, or whose answers have no probability where that is the metric.
        """
        self._spec = spec
        self._tasks = prepare_tasks(spec)
        self._model = language_model(model, tokenizer, spec.batch)

    def score(self) -> Score:
        """The mean over tasks of the mean over questions; `accuracy` and `probability` among the qualities."""
        figures: dict[str, list[list[float]]] = defaultdict(list)
        self._ask()
        qualities: dict[str, float] = {}
        for name, task in self._tasks.items():
            for metric, values in _questions(task).items():
                figures[metric].append(values)
                if len(self._tasks) > 1:
                    qualities[f"{metric}/{name}"] = float(np.mean(values))
        qualities |= {metric: _mean(tasks) for metric, tasks in figures.items()}
        chosen = figures[self._spec.metric]
        return Score(
            value=_mean(chosen),
            stderr=math.sqrt(sum(_squared_error(values) for values in chosen)) / len(chosen),
            items=tuple(value for values in chosen for value in values),
            qualities=qualities,
        )

    def _ask(self) -> None:
        """Fill the responses of all requests, one call of the model for each kind of request."""
        requests: dict[str, list[Instance]] = defaultdict(list)
        for task in self._tasks.values():
            for instance in task.instances:
                instance.resps, instance.filtered_resps = [], {}
                requests[instance.request_type].extend([instance] * instance.repeats)
        for kind, instances in requests.items():
            answers = getattr(self._model, kind)(instances, disable_tqdm=True)
            for instance, answer in zip(instances, answers, strict=True):
                instance.resps.append(answer)


def prepare_tasks(spec: BenchmarkSpec) -> dict[str, Task]:
    """The tasks of an entry, checked.

    Raises:
        InputError: see `BenchmarkScorer`.
    """
    tasks = load_tasks(spec.tasks, spec.limit, allow_code=spec.allow_code)
    for name, task in tasks.items():
        if spec.metric == "probability" and task.OUTPUT_TYPE not in ("multiple_choice", "loglikelihood"):
            raise FieldError(
                "objective.scores",
                f"the answers of the task {name!r} ({task.OUTPUT_TYPE}) have no probability. "
                "Set `metric: accuracy` for it.",
            )
        if task.OUTPUT_TYPE == "loglikelihood_rolling":
            raise FieldError(
                "objective.scores", f"the task {name!r} measures whole texts. Use `kind: heldout` with its files."
            )
    return tasks


def _questions(task: Task) -> dict[str, list[float]]:
    """Every question's figures, by metric, in the order of the questions."""
    task.apply_filters()
    by_question: dict[int, list[Instance]] = defaultdict(list)
    for instance in task.instances:
        by_question[instance.doc_id].append(instance)
    figures: dict[str, list[float]] = defaultdict(list)
    for _, instances in sorted(by_question.items()):
        instances.sort(key=lambda instance: instance.idx)
        doc = instances[0].doc
        answers = [next(iter(instance.filtered_resps.values())) for instance in instances]
        figures["accuracy"].append(_accuracy(task, doc, answers))
        if task.OUTPUT_TYPE == "multiple_choice":
            figures["probability"].append(_probability(task, doc, [answer[0] for answer in answers]))
        elif task.OUTPUT_TYPE == "loglikelihood":
            figures["probability"].append(math.exp(answers[0][0]))
    return figures


def _accuracy(task: Task, doc: Any, answers: list[Any]) -> float:
    metrics = task.process_results(doc, answers)
    for name in _PLAIN_METRICS:
        if name in metrics:
            return float(metrics[name])
    raise MixtuneError(
        f"The task {task.config.task!r} gives {', '.join(metrics) or 'no metric'} for a question; mixtune can use "
        f"{', '.join(_PLAIN_METRICS)}. Add one of them to the task's metric_list."
    )


def _probability(task: Task, doc: Any, loglikelihoods: Sequence[float]) -> float:
    """Probability of the right answers among the choices: softmax over their log-likelihoods."""
    choices = task.doc_to_choice(doc)
    gold = task.doc_to_text(doc) if getattr(task, "multiple_input", 0) else task.doc_to_target(doc)
    right = gold if isinstance(gold, list) else [gold]
    indices = [choices.index(answer) if isinstance(answer, str) else int(answer) for answer in right]
    logs = np.asarray(loglikelihoods[: len(choices)], dtype=np.float64)
    weights = np.exp(logs - logs.max())
    return float(weights[indices].sum() / weights.sum())


def _mean(tasks: list[list[float]]) -> float:
    return float(np.mean([np.mean(values) for values in tasks]))


def _squared_error(values: list[float]) -> float:
    """Squared standard error of a task's mean; 0 for a single question, whose spread is unknown."""
    return float(np.var(values, ddof=1) / len(values)) if len(values) > 1 else 0.0
