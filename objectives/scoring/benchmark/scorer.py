"""Questions of lm-eval tasks, scored by correctness and by the probability of the right answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from objectives.base import Score
from objectives.bases.layout import context_of
from objectives.questions import SEARCHED, ItemWeights, QuestionSubset, select
from objectives.scoring.answers import Table, answer_all, arrays_of, metadata_of, table_of
from objectives.scoring.benchmark.spec import BenchmarkSpec
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.entry import ScoreEntry
from objectives.scoring.figures import answer_bytes, choose_metric
from objectives.scoring.harness import language_model
from objectives.scoring.questions.loaded_task import LoadedTask, Question
from objectives.scoring.questions.safety import guard_templates
from objectives.scoring.questions.tasks import load_tasks
from objectives.scoring.scorer import Checked, refuse_few, splits_of, task_inputs
from spaces import Corpus, FieldError, MixtuneError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding


_SAMPLES = 8


class BenchmarkScorer:
    """Scores the questions of some lm-eval tasks; the requests are built once and reused at every rung."""

    def __init__(self, spec: BenchmarkSpec, corpus: Corpus, model: PreTrainedModel, encoding: TextEncoding) -> None:
        """Load the tasks.

        Raises:
            FieldError: a task cannot be loaded, or does not have the requested metric.
        """
        self._spec = spec
        self._tasks = load_tasks(spec, ContextWindow.of(encoding, context_of(model.config)))
        self._metric = choose_metric(spec, self._tasks)
        self._model = language_model(model, encoding, spec.batch_size)

    @staticmethod
    def prepare(spec: BenchmarkSpec, corpus: Corpus, window: ContextWindow, kept: Mapping[str, float]) -> Checked:
        """See `ScorerClass`."""
        tasks = load_tasks(spec, window)
        metric = choose_metric(spec, tasks)
        chosen = [[questions_of(task, QuestionSubset(split), spec) for task in tasks] for split in splits_of(spec)]
        holdout = design_of(tasks, chosen[1], metric) if spec.holdout else None
        for task, questions in zip(tasks, chosen[-1], strict=True):
            refuse_few(f"the task {task.name!r}", {question.cluster for question in questions}, spec)
        notes = tuple(note for task in tasks for note in task.notes)
        return Checked(metric, task_inputs(tasks, spec), holdout, tasks, notes)

    @staticmethod
    def samples(spec: BenchmarkSpec, corpus: Corpus, window: ContextWindow) -> list[str]:
        """See `ScorerClass`."""
        by_task = (questions_of(task, QuestionSubset("search"), spec)[:_SAMPLES] for task in load_tasks(spec, window))
        return [str(question.instances[0].args[0]) for questions in by_task for question in questions][:_SAMPLES]

    def score(self, part: QuestionSubset = SEARCHED) -> Score:
        """Weighted mean over tasks of the mean over questions; the qualities include all metrics."""
        guard_templates(allow_code=self._spec.allow_code)  # lm-eval fills some templates only now
        chosen = [questions_of(task, part, self._spec) for task in self._tasks]
        generate = part.final or self._metric == "accuracy"
        answer_all(self._model, chosen, generate=generate)
        tables = [
            table_of(task, questions, generate=generate) for task, questions in zip(self._tasks, chosen, strict=True)
        ]
        for task, table in zip(self._tasks, tables, strict=True):
            if self._metric not in table:
                raise MixtuneError(
                    f"The task {task.name!r} returned no {self._metric} for its questions.", code="metric-not-given"
                )
        design = design_of(self._tasks, chosen, self._metric)
        items = [value for table in tables for value in table[self._metric]]
        return Score(
            value=design.mean(items),
            stderr=design.stderr(items),
            items=tuple(items),
            qualities=self._qualities(chosen, tables),
            design=design,
            arrays=arrays_of(self._tasks, tables),
            asked=metadata_of(self._tasks, chosen),
        )

    def _qualities(self, chosen: list[list[Question]], tables: list[Table]) -> dict[str, float]:
        """Mean over tasks of every metric that all tasks have, and each task's metrics if there are several tasks."""
        qualities: dict[str, float] = {}
        shared = [name for name in tables[0] if "," not in name and all(name in table for table in tables)]
        for name in shared:
            design = design_of(self._tasks, chosen, name)
            values = [value for table in tables for value in table[name]]
            qualities[name] = _shown(name, design.mean(values))
            if name == "accuracy":
                qualities["accuracy_stderr"] = design.stderr(values)
        if len(tables) > 1:
            for task, table in zip(self._tasks, tables, strict=True):
                names = (name for name in table if "," not in name)
                qualities |= {f"{name}/{task.name}": _shown(name, float(np.mean(table[name]))) for name in names}
        return qualities


def _shown(name: str, value: float) -> float:
    """Value of a metric in its usual sign; bits per byte are negated as a score."""
    return -value if name == "bits_per_byte" else value


def questions_of(task: LoadedTask, part: QuestionSubset, spec: ScoreEntry) -> list[Question]:
    """Return the questions of a task that belong to a subset.

    Raises:
        FieldError: the subset is empty, because the task has too few questions.
    """
    clusters = [question.cluster for question in task.questions]
    chosen = select(clusters, part, spec.holdout, spec.split_seed)
    if not chosen:
        raise FieldError(
            "objective.scores",
            f"the task {task.name!r} has {len(clusters)} questions on {len(set(clusters))} passages, too few to hold "
            f"out {spec.holdout:.0%} of them. Set `holdout: 0`, or give more questions.",
            code="questions-too-few",
        )
    return [task.questions[index] for index in chosen]


def design_of(tasks: list[LoadedTask], chosen: list[list[Question]], metric: str) -> ItemWeights:
    """Weights of the questions in a metric: task weights, equal within a task; bits per byte of texts by bytes."""
    numbers, clusters, weights = [], [], []
    for number, (task, questions) in enumerate(zip(tasks, chosen, strict=True)):
        by_bytes = task.kind == "loglikelihood_rolling" and metric == "bits_per_byte"
        sizes = [answer_bytes(question) if by_bytes else 1 for question in questions]
        numbers += [number] * len(questions)
        clusters += [question.cluster for question in questions]
        weights += [task.weight * size / sum(sizes) for size in sizes]
    return ItemWeights.of(numbers, clusters, weights)
