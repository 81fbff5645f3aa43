"""Checks of base, texts, tasks and held-out text before a study trains anything, without loading weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from objectives.base import ADAPTER_WEIGHTS, TEXT_TOKENS, Prepared, copied
from objectives.bases.encoding import TextEncoding
from objectives.bases.hub import refuse_four_bits
from objectives.data.tokens import TokenStore
from objectives.device import choose_device
from objectives.reading import chosen, reading_of
from objectives.scoring.contamination import questions_in
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.questions.loaded_task import LoadedTask, Question, answer_tokens
from objectives.scoring.scorer import scorer_of
from objectives.spec import FinetuneSpec
from objectives.worker import Base, kept_shares, open_base
from spaces import Corpus, FieldError, InputError, Layout

_ALWAYS = (TEXT_TOKENS, ADAPTER_WEIGHTS)


def prepare(spec: FinetuneSpec, corpus: Corpus, cache: Path) -> Prepared:
    """Check base, texts and tasks without loading weights.

    Raises:
        InputError: a base, text or task of the study is missing or cannot be used.
    """
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    layout = _checked_layout(base, spec)
    inputs = dict(base.fetch(spec.add_bos_token).rows())
    weight_notes = base.check_weights()
    encoding = base.encoding(spec.add_bos_token)
    counted = TokenStore(encoding, cache, kept_shares(spec)).counted(corpus)
    _refuse_short_length(encoding, spec)
    _refuse_short_texts(counted, spec)
    window = ContextWindow.of(encoding, layout.context)
    entries = [scorer_of(part).prepare(part, corpus, window, kept_shares(spec)) for part in spec.scores]
    for index, entry in enumerate(entries):
        inputs |= {f"{name} (scores.{index})": digest for name, digest in entry.inputs.items()}
    reading = dict(reading_of(spec, corpus, encoding, window))
    inputs |= {name: chosen(choice) for name, choice in reading.items()}
    tasks = [task for entry in entries for task in entry.tasks]
    copies = questions_in(corpus, tasks)
    entry_notes = [note for entry in entries for note in entry.notes]
    return Prepared(
        layout=layout,
        corpus=counted,
        device=choose_device(spec.device),
        rungs=spec.rung_tokens,
        inputs=inputs,
        metric=entries[0].metric,
        qualities=(*_ALWAYS, *dict.fromkeys(name for part in spec.scores for name in part.qualities)),
        holdout=entries[0].holdout,
        reading=reading,
        found=copies,
        notes=(*weight_notes, *entry_notes, *_task_notes(tasks, window), *map(copied, copies, copies.values())),
    )


def _task_notes(tasks: list[LoadedTask], window: ContextWindow) -> Iterator[str]:
    yield from too_long(tasks, window)
    yield from _cut_answers(tasks)


def _checked_layout(base: Base, spec: FinetuneSpec) -> Layout:
    """Check that the base can be trained with the settings of the study, and return its layout."""
    layout = base.layout()
    if spec.sequence_length > layout.context:
        raise FieldError(
            "objective.sequence_length",
            f"must not exceed {layout.context}, the context of the base {spec.base!r}; got {spec.sequence_length}.",
            code="length-above-context",
        )
    _check_memory_options(spec, layout, choose_device(spec.device))
    return layout


def _refuse_short_length(encoding: TextEncoding, spec: FinetuneSpec) -> None:
    if len(encoding.prefix) >= spec.sequence_length:
        raise FieldError(
            "objective.sequence_length",
            f"must be greater than the {len(encoding.prefix)} special tokens {encoding.shown_prefix!r} before every "
            f"text; got {spec.sequence_length}.",
            code="length-below-prefix",
        )


def _refuse_short_texts(corpus: Corpus, spec: FinetuneSpec) -> None:
    for text in corpus.texts:
        if text.tokens <= spec.sequence_length:
            raise InputError(
                f"The text {text.name!r} has {text.tokens} training tokens and must have more than one training "
                f"sequence ({spec.sequence_length}). Remove it, join it with another, or lower "
                "objective.sequence_length.",
                code="text-too-short",
            )


def _check_memory_options(spec: FinetuneSpec, layout: Layout, device: str) -> None:
    """Check that this machine and this base support the memory-saving options of the study."""
    if spec.gradient_checkpointing and not layout.checkpoints:
        raise FieldError(
            "objective.gradient_checkpointing",
            f"the base {spec.base!r} does not support gradient checkpointing. Remove this option.",
            code="no-checkpointing",
        )
    refuse_four_bits(spec.precision, device, "objective.precision")


def _cut_answers(tasks: list[LoadedTask]) -> Iterator[str]:
    """Yield a note for every task that asks for longer answers than the base can write."""
    for task in tasks:
        if task.kind == "generate_until":
            wanted = answer_tokens(task.task.config.generation_kwargs or {})
            allowed = answer_tokens(task.questions[0].instances[0].args[1])
            if allowed < wanted:
                yield (
                    f"Answers to {task.name!r} are limited to {allowed} tokens instead of {wanted:,}: the rest of the "
                    "base's context after the longest prompt, but at least half of the context."
                )


def too_long(tasks: list[LoadedTask], window: ContextWindow) -> Iterator[str]:
    """Yield a note for every task with questions longer than the base's context.

    Raises:
        FieldError: an answer alone is longer than the context, so that it cannot be scored.
    """
    for task in tasks:
        if task.kind == "loglikelihood_rolling":
            continue  # read in windows
        sizes = [_size(task, question, window) for question in task.questions]
        long = [size for size in sizes if size > window.context]
        if long:
            yield (
                f"{len(long)} of {len(sizes)} questions of {task.name!r} are, with their answers, longer than the "
                f"base's context of {window.context} tokens (the longest: {max(long):,}). Their beginning is cut off, "
                "as in lm-eval. Lower few_shot, or use a base with a longer context."
            )


def _size(task: LoadedTask, question: Question, window: ContextWindow) -> int:
    """Tokens of a question with its longest answer: a choice, the solution, or the limit for generated text."""
    prompt = window.count(question.instances[0].args[0])
    if task.kind == "generate_until":
        solution = sum(window.count(instance.args[1]) for instance in question.references)
        return prompt + max(solution, answer_tokens(question.instances[0].args[1]))
    longest = max(window.count(instance.args[1]) for instance in question.instances)
    if longest > window.context:
        raise FieldError(
            "objective.scores",
            f"an answer of the task {task.name!r} has {longest:,} tokens, and the base's context is {window.context}. "
            "Use a base with a longer context, or remove the question.",
            code="answer-too-long",
        )
    return prompt + longest
