"""What must hold of an entry of `objective.scores`, and what is known of it, before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from objectives.questions import Design, Part
from objectives.scoring.asked import AskedTask
from objectives.scoring.benchmark import design_of, questions_of
from objectives.scoring.figures import choose_metric
from objectives.scoring.heldout import passages_of, shared_with_texts
from objectives.scoring.heldout_passages import design_of as design_of_passages
from objectives.scoring.heldout_passages import heldout_passages
from objectives.scoring.scenes import METRIC as SCENES
from objectives.scoring.scenes import design_of as design_of_scenes
from objectives.scoring.scenes import load_scenes
from objectives.scoring.sight import Sight
from objectives.scoring.spec import BenchmarkSpec, HeldoutSpec, ScenesSpec, ScoreSpec
from objectives.scoring.tasks import load_tasks
from spaces import Corpus, FieldError
from spaces.trial import Half, fingerprint

_FEWEST_CLUSTERS = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of `objective.scores`, checked."""

    metric: str
    inputs: dict[str, str]
    """What it measures on, with its hash."""
    holdout: Design | None
    tasks: list[AskedTask] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    """What the user should know of it."""


def entry_of(part: ScoreSpec, corpus: Corpus, sight: Sight, kept: Mapping[str, float]) -> Entry:
    """Check an entry, and that both halves of its questions hold some.

    Args:
        part: the entry.
        corpus: the texts.
        sight: how the base reads questions.
        kept: text to the share of its end, in [0, 1], that no trial trains on.

    Raises:
        InputError: something that the entry needs is missing or cannot be used.
    """
    if isinstance(part, BenchmarkSpec):
        return _benchmark(part, sight)
    return _scenes(part, corpus, sight) if isinstance(part, ScenesSpec) else _heldout(part, corpus, sight, kept)


def _benchmark(part: BenchmarkSpec, sight: Sight) -> Entry:
    tasks = load_tasks(part, sight)
    metric = choose_metric(part, tasks)
    chosen = [[questions_of(task, Part(half), part) for task in tasks] for half in _halves(part)]
    holdout = design_of(tasks, chosen[1], metric) if part.holdout else None
    for task, questions in zip(tasks, chosen[-1], strict=True):
        _enough(f"the task {task.name!r}", {question.cluster for question in questions}, part)
    notes = tuple(note for task in tasks for note in task.notes)
    return Entry(metric, _task_inputs(tasks, part), holdout, tasks, notes)


def _scenes(part: ScenesSpec, corpus: Corpus, sight: Sight) -> Entry:
    asked = load_scenes(part, corpus, sight)
    answered = [
        {each.name: each.answered(each.questions(Part(half), part)) for each in asked} for half in _halves(part)
    ]
    for each in asked:
        _enough(f"the quality {each.name!r}", range(len(answered[-1][each.name])), part)
    tasks = [each.task for each in asked]
    weights = {"the weights of the qualities": fingerprint([part.weights, part.threshold])}
    scenes = {f"the scenes of {each.name!r}": each.digest for each in asked}
    holdout = design_of_scenes(asked, answered[1]) if part.holdout else None
    return Entry(SCENES, {**_task_inputs(tasks, part), **scenes, **weights}, holdout, tasks)


def _halves(part: ScoreSpec) -> list[Half]:
    return ["search", "holdout"] if part.holdout else ["search"]


def _task_inputs(tasks: list[AskedTask], part: ScoreSpec) -> dict[str, str]:
    split = (part.holdout, part.split_seed)
    return {f"the task {task.name!r}": fingerprint([task.digest, *split]) for task in tasks}


def _heldout(part: HeldoutSpec, corpus: Corpus, sight: Sight, kept: Mapping[str, float]) -> Entry:
    if part.text is not None and corpus.named(part.text, "objective.scores").instructs:
        raise FieldError(
            "objective.scores",
            f"the text {part.text!r} holds instructions, which have no end to be kept from training. Score held-out "
            "files instead (`files`), or a plain text.",
            code="heldout-of-instructions",
        )
    passages = heldout_passages(part, corpus, sight)
    texts = [passage.text for passage in passages]
    shared = shared_with_texts(part, corpus, texts, kept)
    numbers = [passages_of(texts, Part(half), part) for half in _halves(part)]
    name = f"the end of {part.text!r}" if part.text is not None else f"held-out {', '.join(p.name for p in part.files)}"
    _enough("the held-out text", set(numbers[-1]), part)
    holdout = design_of_passages([passages[index] for index in numbers[1]]) if part.holdout else None
    inputs = {name: fingerprint([texts, part.holdout, part.split_seed])}
    notes = tuple(f"{text} holds {count} passages of the held-out text." for text, count in shared.items())
    return Entry("bits_per_byte", inputs, holdout, notes=notes)


def _enough(what: str, clusters: Collection[object], part: ScoreSpec) -> None:
    """See that the half that confirms can say how sure it is."""
    if part.holdout and len(clusters) < _FEWEST_CLUSTERS:
        raise FieldError(
            "objective.scores",
            f"{what} keeps questions on {len(clusters)} passages from the search, and an interval wants at least "
            f"{_FEWEST_CLUSTERS}. Give more questions, a larger `holdout`, or set `holdout: 0`.",
            code="passages-too-few",
        )
