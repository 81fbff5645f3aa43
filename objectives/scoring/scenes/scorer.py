"""Scenes through lm-eval: each quality of reasoning is a task built from scenes and scored by rule."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset
from lm_eval.api.task import ConfigurableTask

from objectives.base import Score, TaskMetadata
from objectives.bases.layout import context_of
from objectives.questions import SEARCHED, ItemWeights, QuestionSubset
from objectives.scenes.files import scenes_in
from objectives.scoring.answers import answer_all, arrays_of, metadata_of, table_of
from objectives.scoring.benchmark.scorer import questions_of
from objectives.scoring.benchmark.spec import TaskSpec
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.harness import language_model
from objectives.scoring.questions.loaded_task import LoadedTask, Question, build_task
from objectives.scoring.questions.safety import guard_templates
from objectives.scoring.scenes.qualities import QUALITIES
from objectives.scoring.scenes.qualities.quality import TASK, Answered, Quality
from objectives.scoring.scenes.spec import ScenesSpec
from objectives.scoring.scorer import Checked, refuse_few, splits_of, task_inputs
from spaces import Corpus, FieldError
from spaces.errors import listed
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding
    from objectives.scenes.spec import Scene

_TASK = "scenes_"
METRIC = "scenes"
"""Name of the score: the weighted mean of the qualities, each at most 1, higher is better."""


@dataclass(frozen=True, slots=True)
class LoadedSceneTask:
    """A quality with its scenes and their questions."""

    name: str
    quality: Quality
    task: LoadedTask
    scenes: Mapping[str, Scene]
    weight: float
    """Weight in the score; 0 if the quality is only recorded."""

    def questions(self, part: QuestionSubset, spec: ScenesSpec) -> list[Question]:
        """Questions that belong to a subset, with those of a scene together."""
        return questions_of(self.task, part, spec)

    def answered(self, questions: Sequence[Question]) -> list[Answered]:
        """Group answered questions by scene."""
        by_scene: dict[str, list[Question]] = {}
        for question in questions:
            by_scene.setdefault(question.doc["scene"], []).append(question)
        return [Answered(self.scenes[name], tuple(own)) for name, own in by_scene.items()]

    @property
    def digest(self) -> str:
        """Hash that changes with any content of the scenes, including their rules."""
        return fingerprint([[name, scene.model_dump(mode="json")] for name, scene in self.scenes.items()])

    @property
    def generates(self) -> bool:
        """Whether the model generates text for the quality."""
        return self.task.kind == "generate_until"


class ScenesScorer:
    """Scores the scenes of some files; the score is a weighted mean of qualities, and all qualities are recorded."""

    def __init__(self, spec: ScenesSpec, corpus: Corpus, model: PreTrainedModel, encoding: TextEncoding) -> None:
        """Read the scenes.

        Raises:
            InputError: a file cannot be read, or a quality in the score has no scenes.
        """
        self._spec = spec
        window = ContextWindow.of(encoding, context_of(model.config))
        self.in_chat = window.template(spec.chat_template) is not None
        self.asked = load_scenes(spec, corpus, window)
        self._model = language_model(model, encoding, spec.batch_size)

    @staticmethod
    def prepare(spec: ScenesSpec, corpus: Corpus, window: ContextWindow, kept: Mapping[str, float]) -> Checked:
        """See `ScorerClass`."""
        loaded = load_scenes(spec, corpus, window)
        answered = [
            {task.name: task.answered(task.questions(QuestionSubset(split), spec)) for task in loaded}
            for split in splits_of(spec)
        ]
        for task in loaded:
            refuse_few(f"the quality {task.name!r}", range(len(answered[-1][task.name])), spec)
        tasks = [task.task for task in loaded]
        weights = {"the weights of the qualities": fingerprint([spec.weights, spec.threshold])}
        scenes = {f"the scenes of {task.name!r}": task.digest for task in loaded}
        holdout = design_of(loaded, answered[1]) if spec.holdout else None
        return Checked(METRIC, {**task_inputs(tasks, spec), **scenes, **weights}, holdout, tasks)

    @staticmethod
    def samples(spec: ScenesSpec, corpus: Corpus, window: ContextWindow) -> list[str]:
        """See `ScorerClass`."""
        questions = (task.questions(QuestionSubset("search"), spec)[0] for task in load_scenes(spec, corpus, window))
        return [str(question.instances[0].args[0]) for question in questions]

    def score(self, part: QuestionSubset = SEARCHED) -> Score:
        """Weighted mean over qualities of the mean over scenes; every figure of every quality is recorded."""
        return self.measure(part)[0]

    def measure(
        self, part: QuestionSubset = SEARCHED, only: str | None = None
    ) -> tuple[Score, dict[str, list[Answered]]]:
        """Return the score, and the answered scenes of every quality.

        `only`: name of a single quality to measure; it must have a weight in the score.
        """
        guard_templates(allow_code=False)
        measured = [
            task
            for task in self.asked
            if only in (None, task.name) and (part.final or task.weight or not task.generates)
        ]
        chosen = [task.questions(part, self._spec) for task in measured]
        answer_all(self._model, chosen, generate=True)
        answered = {task.name: task.answered(questions) for task, questions in zip(measured, chosen, strict=True)}
        items = {task.name: [task.quality.item(scene) for scene in answered[task.name]] for task in measured}
        tasks = [task.task for task in measured]
        tables = [table_of(task, questions, generate=True) for task, questions in zip(tasks, chosen, strict=True)]
        design = design_of(measured, answered)
        searched = [item for task in measured if task.weight for item in items[task.name]]
        score = Score(
            value=design.mean(searched),
            stderr=design.stderr(searched),
            items=tuple(searched),
            qualities=_figures(measured, answered, items),
            design=design,
            arrays={
                **arrays_of(tasks, tables),
                **{f"{name}/score": np.asarray(scores, dtype=np.float32) for name, scores in items.items()},
            },
            asked=(*metadata_of(tasks, chosen), *(_scene_metadata(task, answered[task.name]) for task in measured)),
            own_names=True,
        )
        return score, answered


def load_scenes(spec: ScenesSpec, corpus: Corpus, window: ContextWindow) -> list[LoadedSceneTask]:
    """Load every quality that the files contain scenes of, those of the score first.

    Raises:
        InputError: see `ScenesScorer`.
    """
    guard_templates(allow_code=False)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # lm-eval logs options of tasks built in memory
    scenes = scenes_in(spec.files)
    present = {scene.quality for scene in scenes.values()}
    missing = [name for name in spec.weights if name not in present]
    if missing:
        raise FieldError(
            "objective.scores",
            f"the files {listed(spec.files)} contain no scenes of {listed(missing)}, which `weights` puts into the "
            f"score. They contain {listed(sorted(present))}.",
            code="qualities-without-scenes",
        )
    names = [*spec.weights, *(name for name in QUALITIES if name in present and name not in spec.weights)]
    return [_load(name, spec, corpus, window, _limited(scenes, name, spec.limit)) for name in names]


def _limited(scenes: Mapping[str, Scene], quality: str, limit: int | None) -> dict[str, Scene]:
    """Scenes of a quality: all, or up to `limit` of each file, evenly spread over the file."""
    by_file: dict[str, list[str]] = {}
    for name, scene in scenes.items():
        if scene.quality == quality:
            by_file.setdefault(name.split("/", 1)[0], []).append(name)
    places = {file: _spread(len(names), limit) for file, names in by_file.items()}
    return {by_file[file][index]: scenes[by_file[file][index]] for file, place in places.items() for index in place}


def _spread(count: int, limit: int | None) -> list[int]:
    """Up to `limit` of the numbers below `count`, evenly spread."""
    wanted = count if limit is None else min(limit, count)
    return [int(place) for place in np.linspace(0, count - 1, wanted).round()]


def _load(
    name: str, spec: ScenesSpec, corpus: Corpus, window: ContextWindow, scenes: dict[str, Scene]
) -> LoadedSceneTask:
    quality = QUALITIES[name](corpus, spec.threshold)
    docs = list(_docs(quality, scenes))
    config = {**TASK, **quality.task, "task": f"{_TASK}{name}"}
    task = ConfigurableTask(config={**config, "custom_dataset": lambda **_: {"test": Dataset.from_list(docs)}})
    part = TaskSpec(task=config["task"])
    loaded = build_task(config["task"], task, part, spec, window, spec.weight(name))
    return LoadedSceneTask(name, quality, loaded, scenes, spec.weight(name))


def _docs(quality: Quality, scenes: Mapping[str, Scene]) -> Iterator[dict[str, Any]]:
    for name, scene in scenes.items():
        for question in quality.asks(scene):
            yield {"scene": name, **question}


def design_of(tasks: Sequence[LoadedSceneTask], answered: Mapping[str, Sequence[Answered]]) -> ItemWeights:
    """Weights of the scenes in the score: those of the qualities, equal within a quality."""
    counted = [(number, task, len(answered[task.name])) for number, task in enumerate(tasks) if task.weight]
    numbers = [number for number, _, scenes in counted for _ in range(scenes)]
    weights = [task.weight / scenes for _, task, scenes in counted for _ in range(scenes)]
    return ItemWeights.of(numbers, range(len(numbers)), weights)


def _figures(
    tasks: Sequence[LoadedSceneTask], answered: Mapping[str, Sequence[Answered]], items: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """Searched figure of each quality, by the quality's name, and all its other figures, by `quality/figure`."""
    by_name: dict[str, float] = {}
    for task in tasks:
        by_name[task.name] = float(np.mean(items[task.name]))
        figures = task.quality.figures(answered[task.name])
        by_name |= {f"{task.name}/{figure}": value for figure, value in figures.items()}
    return by_name


def _scene_metadata(task: LoadedSceneTask, answered: Sequence[Answered]) -> TaskMetadata:
    hashes = tuple(fingerprint(scene.scene.model_dump(mode="json")) for scene in answered)
    return TaskMetadata(task.name, task.task.version, task.task.digest, hashes)
