"""Questions through lm-eval: right or wrong, and how probable the right answer is."""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from objectives.base import Asked, Score
from objectives.models.hub import context_of
from objectives.questions import SEARCHED, Design, Part, select
from objectives.scoring.asked import AskedTask, Question
from objectives.scoring.figures import accuracy, answer_bytes, choose_metric, figures, own_metrics
from objectives.scoring.harness import language_model, seeded
from objectives.scoring.safety import guard_templates
from objectives.scoring.sight import Sight
from objectives.scoring.spec import BenchmarkSpec
from objectives.scoring.tasks import load_tasks
from spaces import Corpus, FieldError, MixtuneError

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_Table = dict[str, list[Any]]
"""Metric to its value for every question of a task."""


class BenchmarkScorer:
    """Asks the questions of some lm-eval tasks; the requests are built once and asked at every rung."""

    def __init__(
        self, spec: BenchmarkSpec, corpus: Corpus, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """Load the tasks.

        Raises:
            FieldError: a task that cannot be loaded, or that has not the metric that is asked for.
        """
        self._spec = spec
        self._tasks = load_tasks(spec, Sight.of(tokenizer, context_of(model.config)))
        self._metric = choose_metric(spec, self._tasks)
        self._model = language_model(model, tokenizer, spec.batch)

    def score(self, part: Part = SEARCHED) -> Score:
        """The weighted mean over tasks of the mean over questions; all metrics are among the qualities."""
        guard_templates(allow_code=self._spec.allow_code)  # lm-eval fills some templates only now
        chosen = [questions_of(task, part, self._spec) for task in self._tasks]
        generate = part.final or self._metric == "accuracy"
        self._ask(chosen, generate=generate)
        tables = [
            _table(task, questions, generate=generate) for task, questions in zip(self._tasks, chosen, strict=True)
        ]
        for task, table in zip(self._tasks, tables, strict=True):
            if self._metric not in table:
                raise MixtuneError(f"The task {task.name!r} gave no {self._metric} for its questions.")
        design = design_of(self._tasks, chosen, self._metric)
        items = [value for table in tables for value in table[self._metric]]
        return Score(
            value=design.mean(items),
            stderr=design.stderr(items),
            items=tuple(items),
            qualities=self._qualities(chosen, tables),
            design=design,
            arrays={
                f"{task.name}/{name}": np.asarray(values, dtype=np.float32)
                for task, table in zip(self._tasks, tables, strict=True)
                for name, values in table.items()
                if all(isinstance(value, int | float) for value in values)
            },
            asked=tuple(
                Asked(task.name, task.version, task.digest, tuple(question.own for question in questions))
                for task, questions in zip(self._tasks, chosen, strict=True)
            ),
        )

    def _ask(self, chosen: list[list[Question]], *, generate: bool) -> None:
        """Fill the responses of all requests, one call of the model for each kind of request."""
        requests: dict[str, list[Instance]] = defaultdict(list)
        for question in (question for questions in chosen for question in questions):
            for instance in (*question.instances, *question.references):
                instance.resps, instance.filtered_resps = [], {}
                if generate or instance.request_type != "generate_until":
                    requests[instance.request_type].extend([instance] * instance.repeats)
        for kind, instances in requests.items():
            with seeded() if kind == "generate_until" else nullcontext():
                answers = getattr(self._model, kind)(instances, disable_tqdm=True)
            for instance, answer in zip(instances, answers, strict=True):
                instance.resps.append(answer)

    def _qualities(self, chosen: list[list[Question]], tables: list[_Table]) -> dict[str, float]:
        """Every metric that all tasks have, its mean over them, and each task's own where there are several."""
        found: dict[str, float] = {}
        shared = [name for name in tables[0] if "," not in name and all(name in table for table in tables)]
        for name in shared:
            design = design_of(self._tasks, chosen, name)
            values = [value for table in tables for value in table[name]]
            found[name] = _shown(name, design.mean(values))
            if name == "accuracy":
                found["accuracy_stderr"] = design.stderr(values)
        if len(tables) > 1:
            for task, table in zip(self._tasks, tables, strict=True):
                names = (name for name in table if "," not in name)
                found |= {f"{name}/{task.name}": _shown(name, float(np.mean(table[name]))) for name in names}
        return found


def _shown(name: str, value: float) -> float:
    """Bits per byte as people know them; as a score they are negated."""
    return -value if name == "bits_per_byte" else value


def questions_of(task: AskedTask, part: Part, spec: BenchmarkSpec) -> list[Question]:
    """A task's questions that belong to a part.

    Raises:
        FieldError: the part is empty, because the task has too few questions.
    """
    clusters = [question.cluster for question in task.questions]
    chosen = select(clusters, part, spec.holdout, spec.split_seed)
    if not chosen:
        raise FieldError(
            "objective.scores",
            f"the task {task.name!r} has {len(clusters)} questions on {len(set(clusters))} passages, too few to keep "
            f"{spec.holdout:.0%} of them from the search. Set `holdout: 0` for it, or give more questions.",
        )
    return [task.questions[index] for index in chosen]


def design_of(tasks: list[AskedTask], chosen: list[list[Question]], metric: str) -> Design:
    """How the questions make up a metric: tasks by their weights, questions alike, whole texts by their bytes."""
    numbers, clusters, weights = [], [], []
    for number, (task, questions) in enumerate(zip(tasks, chosen, strict=True)):
        by_bytes = task.kind == "loglikelihood_rolling" and metric == "bits_per_byte"
        sizes = [answer_bytes(question) if by_bytes else 1 for question in questions]
        numbers += [number] * len(questions)
        clusters += [question.cluster for question in questions]
        weights += [task.weight * size / sum(sizes) for size in sizes]
    return Design.of(numbers, clusters, weights)


def _table(task: AskedTask, questions: list[Question], *, generate: bool) -> _Table:
    """Our figures by their names, then lm-eval's own metrics as `metric,filter`."""
    found: _Table = defaultdict(list)
    for question in questions:
        for name, value in figures(task, question).items():
            found[name].append(value)
    if task.kind != "generate_until" or generate:
        metrics = own_metrics(task, questions)
        right = accuracy(task, questions, metrics)
        if right is not None:
            found["accuracy"] = right
        found |= metrics
    return dict(found)
