"""Scenes through lm-eval: each quality of reasoning is a task, made from the scenes, and scored by rule."""

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
from objectives.scoring.questions.loaded_task import LoadedTask, Question, ask
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
"""Name of the score: the weighted mean of the qualities, each at most 1."""


@dataclass(frozen=True, slots=True)
class LoadedSceneTask:
    """A quality as it is asked."""

    name: str
    quality: Quality
    task: LoadedTask
    scenes: Mapping[str, Scene]
    weight: float
    """In the score; 0 where it is only recorded."""

    def questions(self, part: QuestionSubset, spec: ScenesSpec) -> list[Question]:
        """Those that belong to a part, the ones of a scene together."""
        return questions_of(self.task, part, spec)

    def answered(self, questions: Sequence[Question]) -> list[Answered]:
        """The scenes of some questions."""
        by_scene: dict[str, list[Question]] = {}
        for question in questions:
            by_scene.setdefault(question.doc["scene"], []).append(question)
        return [Answered(self.scenes[name], tuple(found)) for name, found in by_scene.items()]

    @property
    def digest(self) -> str:
        """Changes with anything that the scenes say, their rules included."""
        return fingerprint([[name, scene.model_dump(mode="json")] for name, scene in self.scenes.items()])

    @property
    def generates(self) -> bool:
        """Whether the model has to write for it."""
        return self.task.kind == "generate_until"


class ScenesScorer:
    """Asks the scenes of some files; the score is the weighted mean of some qualities, all are recorded."""

    def __init__(self, spec: ScenesSpec, corpus: Corpus, model: PreTrainedModel, encoding: TextEncoding) -> None:
        """Read the scenes.

        Raises:
            InputError: a file that cannot be read, or a quality in the score that has no scenes.
        """
        self._spec = spec
        window = ContextWindow.of(encoding, context_of(model.config))
        self.in_chat = window.template(spec.chat_template) is not None
        self.asked = load_scenes(spec, corpus, window)
        self._model = language_model(model, encoding, spec.batch_size)

    @staticmethod
    def prepare(spec: ScenesSpec, corpus: Corpus, window: ContextWindow, kept: Mapping[str, float]) -> Checked:
        """See `ScorerClass`."""
        asked = load_scenes(spec, corpus, window)
        answered = [
            {each.name: each.answered(each.questions(QuestionSubset(split), spec)) for each in asked}
            for split in splits_of(spec)
        ]
        for each in asked:
            refuse_few(f"the quality {each.name!r}", range(len(answered[-1][each.name])), spec)
        tasks = [each.task for each in asked]
        weights = {"the weights of the qualities": fingerprint([spec.weights, spec.threshold])}
        scenes = {f"the scenes of {each.name!r}": each.digest for each in asked}
        holdout = design_of(asked, answered[1]) if spec.holdout else None
        return Checked(METRIC, {**task_inputs(tasks, spec), **scenes, **weights}, holdout, tasks)

    @staticmethod
    def samples(spec: ScenesSpec, corpus: Corpus, window: ContextWindow) -> list[str]:
        """See `ScorerClass`."""
        questions = (each.questions(QuestionSubset("search"), spec)[0] for each in load_scenes(spec, corpus, window))
        return [str(question.instances[0].args[0]) for question in questions]

    def score(self, part: QuestionSubset = SEARCHED) -> Score:
        """The weighted mean over qualities of the mean over scenes; every figure of every quality is recorded."""
        return self.measure(part)[0]

    def measure(
        self, part: QuestionSubset = SEARCHED, only: str | None = None
    ) -> tuple[Score, dict[str, list[Answered]]]:
        """The score, and the scenes of every quality, or of one that has a weight, with their answers."""
        guard_templates(allow_code=False)
        asked = [
            each
            for each in self.asked
            if only in (None, each.name) and (part.final or each.weight or not each.generates)
        ]
        chosen = [each.questions(part, self._spec) for each in asked]
        answer_all(self._model, chosen, generate=True)
        answered = {each.name: each.answered(questions) for each, questions in zip(asked, chosen, strict=True)}
        items = {each.name: [each.quality.item(scene) for scene in answered[each.name]] for each in asked}
        tasks = [each.task for each in asked]
        tables = [table_of(task, questions, generate=True) for task, questions in zip(tasks, chosen, strict=True)]
        design = design_of(asked, answered)
        searched = [item for each in asked if each.weight for item in items[each.name]]
        score = Score(
            value=design.mean(searched),
            stderr=design.stderr(searched),
            items=tuple(searched),
            qualities=_figures(asked, answered, items),
            design=design,
            arrays={
                **arrays_of(tasks, tables),
                **{f"{name}/score": np.asarray(found, dtype=np.float32) for name, found in items.items()},
            },
            asked=(*metadata_of(tasks, chosen), *(_scenes_asked(each, answered[each.name]) for each in asked)),
            own_names=True,
        )
        return score, answered


def load_scenes(spec: ScenesSpec, corpus: Corpus, window: ContextWindow) -> list[LoadedSceneTask]:
    """Every quality that the files hold scenes of, those of the score first.

    Raises:
        InputError: see `ScenesScorer`.
    """
    guard_templates(allow_code=False)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # it explains options of tasks made in memory
    scenes = scenes_in(spec.files)
    there = {scene.quality for scene in scenes.values()}
    missing = [name for name in spec.weights if name not in there]
    if missing:
        raise FieldError(
            "objective.scores",
            f"the files {listed(spec.files)} hold no scenes of {listed(missing)}, which `weights` puts into the score. "
            f"They hold {listed(sorted(there))}.",
            code="qualities-without-scenes",
        )
    names = [*spec.weights, *(name for name in QUALITIES if name in there and name not in spec.weights)]
    return [_asked(name, spec, corpus, window, _limited(scenes, name, spec.limit)) for name in names]


def _limited(scenes: Mapping[str, Scene], quality: str, limit: int | None) -> dict[str, Scene]:
    """The scenes of a quality: all, or so many of each file, from all of its kinds alike."""
    by_file: dict[str, list[str]] = {}
    for name, scene in scenes.items():
        if scene.quality == quality:
            by_file.setdefault(name.split("/", 1)[0], []).append(name)
    places = {file: _spread(len(names), limit) for file, names in by_file.items()}
    return {by_file[file][index]: scenes[by_file[file][index]] for file, place in places.items() for index in place}


def _spread(count: int, limit: int | None) -> list[int]:
    """So many of the first numbers, evenly spread."""
    wanted = count if limit is None else min(limit, count)
    return [int(place) for place in np.linspace(0, count - 1, wanted).round()]


def _asked(
    name: str, spec: ScenesSpec, corpus: Corpus, window: ContextWindow, scenes: dict[str, Scene]
) -> LoadedSceneTask:
    quality = QUALITIES[name](corpus, spec.threshold)
    docs = list(_docs(quality, scenes))
    config = {**TASK, **quality.task, "task": f"{_TASK}{name}"}
    task = ConfigurableTask(config={**config, "custom_dataset": lambda **_: {"test": Dataset.from_list(docs)}})
    part = TaskSpec(task=config["task"])
    asked = ask(config["task"], task, part, spec, window, spec.weight(name))
    return LoadedSceneTask(name, quality, asked, scenes, spec.weight(name))


def _docs(quality: Quality, scenes: Mapping[str, Scene]) -> Iterator[dict[str, Any]]:
    for name, scene in scenes.items():
        for question in quality.asks(scene):
            yield {"scene": name, **question}


def design_of(asked: Sequence[LoadedSceneTask], answered: Mapping[str, Sequence[Answered]]) -> ItemWeights:
    """How scenes make up the score: qualities by their weights, scenes of a quality alike."""
    counted = [(number, each, len(answered[each.name])) for number, each in enumerate(asked) if each.weight]
    numbers = [number for number, _, scenes in counted for _ in range(scenes)]
    weights = [each.weight / scenes for _, each, scenes in counted for _ in range(scenes)]
    return ItemWeights.of(numbers, range(len(numbers)), weights)


def _figures(
    asked: Sequence[LoadedSceneTask], answered: Mapping[str, Sequence[Answered]], items: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """For each quality what is searched, under its name, and all that its rules say, as `quality/figure`."""
    found: dict[str, float] = {}
    for each in asked:
        found[each.name] = float(np.mean(items[each.name]))
        figures = each.quality.figures(answered[each.name])
        found |= {f"{each.name}/{figure}": value for figure, value in figures.items()}
    return found


def _scenes_asked(asked: LoadedSceneTask, answered: Sequence[Answered]) -> TaskMetadata:
    names = tuple(fingerprint(scene.scene.model_dump(mode="json")) for scene in answered)
    return TaskMetadata(asked.name, asked.task.version, asked.task.digest, names)
