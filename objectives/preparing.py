"""What must hold before a study trains anything: asked of base, texts, tasks and held-out text, without weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from objectives.base import ADAPTER_WEIGHTS, FORGOTTEN, TEXT_TOKENS, Prepared, copied
from objectives.contamination import questions_in
from objectives.models.hub import refuse_four_bits
from objectives.questions import Design, Part
from objectives.reading import chosen, reading_of
from objectives.scoring.asked import AskedTask, Question, answer_tokens
from objectives.scoring.benchmark import design_of, questions_of
from objectives.scoring.figures import choose_metric
from objectives.scoring.heldout import design_of as design_of_passages
from objectives.scoring.heldout import passages, passages_of
from objectives.scoring.scenes import METRIC as SCENES
from objectives.scoring.scenes import design_of as design_of_scenes
from objectives.scoring.scenes import load_scenes
from objectives.scoring.sight import Sight
from objectives.scoring.spec import BenchmarkSpec, HeldoutSpec, ScenesSpec, ScoreSpec
from objectives.scoring.tasks import load_tasks
from objectives.spec import FinetuneSpec
from objectives.training.tokens import TokenStore
from objectives.workbench import choose_device, kept_shares, open_base
from spaces import Corpus, FieldError, InputError, Layout
from spaces.trial import Half, fingerprint

_ALWAYS = (TEXT_TOKENS, ADAPTER_WEIGHTS)
_FEWEST_CLUSTERS = 2


def prepare(spec: FinetuneSpec, corpus: Corpus, cache: Path) -> Prepared:
    """Check base, texts and tasks without loading weights.

    Raises:
        InputError: something that the study needs is missing or cannot be used.
    """
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    layout = base.layout()
    if spec.length > layout.context:
        raise FieldError(
            "objective.length",
            f"must not exceed {layout.context}, the context of the base {spec.base!r}; got {spec.length}.",
        )
    device = choose_device(spec.device)
    _check_memory_options(spec, layout, device)
    inputs = dict(base.fetch(spec.add_bos_token).rows())
    weight_notes = base.check_weights()
    encoding = base.encoding(spec.add_bos_token)
    if len(encoding.prefix) >= spec.length:
        raise FieldError("objective.length", f"must be more than the special tokens {encoding.shown_prefix!r} take.")
    counted = TokenStore(encoding, cache, kept_shares(spec)).counted(corpus)
    _refuse_short_texts(counted, spec)
    sight = Sight.of(encoding, layout.context)
    entries = [_entry(part, corpus, sight) for part in spec.scores]
    for index, entry in enumerate(entries):
        inputs |= {f"{name} (scores.{index})": digest for name, digest in entry.inputs.items()}
    reading = dict(reading_of(spec, corpus, encoding, sight))
    inputs |= {name: chosen(choice) for name, choice in reading.items()}
    tasks = [task for entry in entries for task in entry.tasks]
    found = questions_in(corpus, tasks)
    return Prepared(
        layout=layout,
        corpus=counted,
        device=device,
        rungs=spec.rung_tokens,
        inputs=inputs,
        metric=entries[0].metric,
        qualities=(*_ALWAYS, *([FORGOTTEN] if any(isinstance(part, HeldoutSpec) for part in spec.scores) else [])),
        holdout=entries[0].holdout,
        reading=reading,
        found=found,
        notes=(
            *weight_notes,
            *too_long(tasks, sight),
            *_cut_answers(tasks),
            *map(copied, found, found.values()),
        ),
    )


def _refuse_short_texts(corpus: Corpus, spec: FinetuneSpec) -> None:
    for text in corpus.texts:
        if text.tokens <= spec.length:
            raise InputError(
                f"The text {text.name!r} has {text.tokens} training tokens, and one training sequence takes "
                f"{spec.length}. Remove the text, join it with another, or lower objective.length."
            )


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known of an entry of `objective.scores`."""

    metric: str
    inputs: dict[str, str]
    """What it measures on, with its hash."""
    holdout: Design | None
    tasks: list[AskedTask] = field(default_factory=list)


def _entry(part: ScoreSpec, corpus: Corpus, sight: Sight) -> _Entry:
    """Check an entry, and that both halves of its questions hold some."""
    if isinstance(part, BenchmarkSpec):
        return _benchmark(part, sight)
    return _scenes(part, corpus, sight) if isinstance(part, ScenesSpec) else _heldout(part, corpus)


def _benchmark(part: BenchmarkSpec, sight: Sight) -> _Entry:
    tasks = load_tasks(part, sight)
    metric = choose_metric(part, tasks)
    chosen = [[questions_of(task, Part(half), part) for task in tasks] for half in _halves(part)]
    holdout = design_of(tasks, chosen[1], metric) if part.holdout else None
    for task, questions in zip(tasks, chosen[-1], strict=True):
        _enough(f"the task {task.name!r}", {question.cluster for question in questions}, part)
    return _Entry(metric, _task_inputs(tasks, part), holdout, tasks)


def _scenes(part: ScenesSpec, corpus: Corpus, sight: Sight) -> _Entry:
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
    return _Entry(SCENES, {**_task_inputs(tasks, part), **scenes, **weights}, holdout, tasks)


def _halves(part: ScoreSpec) -> list[Half]:
    return ["search", "holdout"] if part.holdout else ["search"]


def _task_inputs(tasks: list[AskedTask], part: ScoreSpec) -> dict[str, str]:
    split = (part.holdout, part.split_seed)
    return {f"the task {task.name!r}": fingerprint([task.digest, *split]) for task in tasks}


def _heldout(part: HeldoutSpec, corpus: Corpus) -> _Entry:
    if part.text is not None and corpus.named(part.text, "objective.scores").instructs:
        raise FieldError(
            "objective.scores",
            f"the text {part.text!r} holds instructions, which have no end to be kept from training. Score held-out "
            "files instead (`files`), or a plain text.",
        )
    texts = passages(part, corpus)
    numbers = [passages_of(texts, Part(half), part) for half in _halves(part)]
    name = f"the end of {part.text!r}" if part.text is not None else f"held-out {', '.join(p.name for p in part.files)}"
    _enough("the held-out text", set(numbers[-1]), part)
    kept = design_of_passages([texts[index] for index in numbers[1]]) if part.holdout else None
    return _Entry("bits_per_byte", {name: fingerprint([texts, part.holdout, part.split_seed])}, kept)


def _enough(what: str, clusters: Collection[object], part: ScoreSpec) -> None:
    """See that the half that confirms can say how sure it is."""
    if part.holdout and len(clusters) < _FEWEST_CLUSTERS:
        raise FieldError(
            "objective.scores",
            f"{what} keeps questions on {len(clusters)} passages from the search, and an interval wants at least "
            f"{_FEWEST_CLUSTERS}. Give more questions, a larger `holdout`, or set `holdout: 0`.",
        )


def _check_memory_options(spec: FinetuneSpec, layout: Layout, device: str) -> None:
    """See that this machine and this base can do with less memory in the way that is asked."""
    if spec.checkpointing and not layout.checkpoints:
        raise FieldError(
            "objective.checkpointing", f"the base {spec.base!r} cannot compute its activations anew. Leave it out."
        )
    refuse_four_bits(spec.precision, device, "objective.precision")


def _cut_answers(tasks: list[AskedTask]) -> Iterator[str]:
    """A note for every task whose answers may be longer than the base can write."""
    for task in tasks:
        if task.kind == "generate_until":
            wanted = answer_tokens(task.task.config.generation_kwargs or {})
            allowed = answer_tokens(task.questions[0].instances[0].args[1])
            if allowed < wanted:
                yield (
                    f"Answers to {task.name!r} may have {allowed} tokens instead of {wanted:,}, half of what the base "
                    "can see."
                )


def too_long(tasks: list[AskedTask], sight: Sight) -> Iterator[str]:
    """A note for every task with questions that the base cannot see whole.

    Raises:
        FieldError: an answer alone is longer than that, so that nothing can be said of it.
    """
    for task in tasks:
        if task.kind == "loglikelihood_rolling":
            continue  # read in windows
        sizes = [_size(task, question, sight) for question in task.questions]
        long = [size for size in sizes if size > sight.context]
        if long:
            yield (
                f"{len(long)} of {len(sizes)} questions of {task.name!r} are, with their answers, longer than the "
                f"{sight.context} tokens that the base can see (the longest: {max(long):,}): as lm-eval does, their "
                "beginning is cut off. Lower few_shot, or take a base with a longer context."
            )


def _size(task: AskedTask, question: Question, sight: Sight) -> int:
    """Tokens of a question with its longest answer: a choice, the solution, or what may be written."""
    prompt = sight.count(question.instances[0].args[0])
    if task.kind == "generate_until":
        solution = sum(sight.count(instance.args[1]) for instance in question.references)
        return prompt + max(solution, answer_tokens(question.instances[0].args[1]))
    longest = max(sight.count(instance.args[1]) for instance in question.instances)
    if longest > sight.context:
        raise FieldError(
            "objective.scores",
            f"an answer of the task {task.name!r} takes {longest:,} tokens, and the base can see {sight.context}. "
            "Take a base with a longer context, or leave the question out.",
        )
    return prompt + longest
