"""What a finished study gives a hypernetwork to learn from: its texts, and the adapters of its trials."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from optuna.trial import TrialState

import objectives
from objectives.spec import FinetuneSpec
from objectives.text_to_lora.adapters import Adapters, matrices_of, stacked
from objectives.text_to_lora.encoders import open_encoder
from objectives.text_to_lora.target import Target
from objectives.text_to_lora.texts import Reader, mixed
from objectives.text_to_lora.training_task import TrainingTask
from objectives.training import artifact
from objectives.training.combined import is_plain_lora
from objectives.training.stacked import Matrices
from objectives.worker import Base, WorkerResources, open_base
from search.storage.records import TrialRecord
from spaces import InputError, Layout, scan
from studies.jobs.export import find_adapter
from studies.run.checks import comparable_inputs, refuse_changed_content
from studies.storage.artifacts import artifacts_of
from studies.storage.stored import StoredStudy

_FEWEST_ADAPTERS = 8
_CHUNKS = 16
"""Of a text."""
_WINDOWS = 4
"""Of training, that a chunk is long."""


@dataclass(frozen=True, slots=True)
class StudyContext:
    """A study's base and questions, loaded, and the reader of its texts."""

    study: StoredStudy
    spec: FinetuneSpec
    base: Base
    layout: Layout
    resources: WorkerResources
    reader: Reader


@dataclass(frozen=True, slots=True)
class Source:
    """A study with its texts as lessons."""

    context: StudyContext
    folder: Path
    """Of the study."""
    training_tasks: tuple[TrainingTask, ...]
    """One for each text."""

    def without(self, names: frozenset[str]) -> list[TrainingTask]:
        """The lessons of all other texts."""
        return [training_task for training_task in self.training_tasks if training_task.name not in names]


@dataclass(frozen=True, slots=True)
class Library:
    """Adapters of complete trials, each as it was trained."""

    adapters: Adapters
    mixes: tuple[torch.Tensor, ...]
    """Each one's texts as a description."""
    texts: tuple[frozenset[str], ...]

    def without(self, names: frozenset[str]) -> list[int]:
        """Numbers of the adapters that no text of these had a part in."""
        return [number for number, texts in enumerate(self.texts) if not texts & names]


def open_context(study: StoredStudy, cache: Path, encoder: str, *, whole: bool) -> StudyContext:
    """Load a study's base, and what its questions need.

    Args:
        study: of any state.
        cache: folder for token arrays.
        encoder: see `open_encoder`.
        whole: see `Reader`.

    Raises:
        InputError: the study has no base or no questions, or something of it has gone or changed.
    """
    spec = study.spec.objective
    if not isinstance(spec, FinetuneSpec) or any(record.config.from_scratch for record in study.records):
        raise InputError(
            f"The study {study.spec.name!r} trains no adapters on a base, so a hypernetwork has nothing to learn from.",
            code="study-trains-nothing",
        )
    if encoder == "onehot":
        raise InputError(
            "--encoder onehot knows tasks by their names alone, and nothing of a text. Take base.",
            code="onehot-reads-no-text",
        )
    texts = study.spec.space.texts
    corpus = scan(texts.folder, texts.unit)
    refuse_changed_content(
        study.spec.name,
        {repr(text.name): text.sha256 for text in study.texts},
        {repr(text.name): text.sha256 for text in corpus.texts},
    )
    prepared = objectives.prepare(spec, corpus, cache)
    if study.inputs:
        refuse_changed_content(study.spec.name, study.inputs, comparable_inputs(study.inputs, prepared.inputs))
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    resources, encoding = WorkerResources.open(spec, corpus, cache), base.encoding(spec.add_bos_token)
    made = open_encoder(encoder, resources.model, encoding)
    chunk = min(_WINDOWS * spec.sequence_length, prepared.layout.context, made.longest)
    return StudyContext(study, spec, base, prepared.layout, resources, Reader(encoding, made, chunk, _CHUNKS, whole))


def open_source(study: StoredStudy, folder: Path, encoder: str, *, whole: bool) -> Source:
    """Load a study with its texts as lessons.

    Raises:
        InputError: as for `open_place`.
    """
    context = open_context(study, folder / "cache", encoder, whole=whole)
    resources, length = context.resources, context.spec.sequence_length
    return Source(
        context, folder, tuple(context.reader.training_task(text, resources, length) for text in resources.corpus.texts)
    )


def library_of(source: Source) -> Library:
    """The adapters that complete trials left, in the form of one target.

    Raises:
        InputError: there are too few.
    """
    found = list(_adapters(source))
    if len(found) < _FEWEST_ADAPTERS:
        raise InputError(
            f"Reconstruction needs {_FEWEST_ADAPTERS} complete trials with a LoRA adapter on disk (methods lora, "
            f"rslora and loraplus); {source.context.study.spec.name!r} has {len(found)}. Run more trials, or train "
            "with --by end-to-end.",
            code="adapters-too-few",
        )
    places = {context for _, matrices in found for context in matrices}
    rank = max(len(each.down) for _, matrices in found for each in matrices.values())
    target = Target.covering(source.context.layout, source.context.resources.model, places, rank)
    encoded = {training_task.name: training_task.descriptions for training_task in source.training_tasks}
    mixes = tuple(mixed(encoded, dict(record.config.mix.weights)) for record, _ in found)
    adapters = stacked(target, [matrices for _, matrices in found])
    return Library(adapters, mixes, tuple(frozenset(record.texts) for record, _ in found))


def _adapters(source: Source) -> Iterator[tuple[TrialRecord, dict[str, Matrices]]]:
    """Complete trials and what they have learned, by the path of the module; those that are no LoRA are left out."""
    study = source.context.study
    kept = artifacts_of(study, source.folder)
    for record in study.ended(TrialState.COMPLETE):
        if find_adapter(study, source.folder, record) is None:
            continue
        with tempfile.TemporaryDirectory(prefix="mixtune-") as made:
            kept.copy(record.number, record.rungs[-1].artifact, Path(made))
            stages = artifact.load(Path(made))
        if all(is_plain_lora(stage) for stage in stages):
            yield record, matrices_of(stages)
