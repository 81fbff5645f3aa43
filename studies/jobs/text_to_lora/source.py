"""Training data for a hypernetwork from a study: the texts, and the adapters of the trials."""

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
"""Maximum number of chunks of a text."""
_WINDOWS = 4
"""Length of a chunk, in training sequences."""


@dataclass(frozen=True, slots=True)
class StudyContext:
    """Loaded base and questions of a study, with the reader of its texts."""

    study: StoredStudy
    spec: FinetuneSpec
    base: Base
    layout: Layout
    resources: WorkerResources
    reader: Reader


@dataclass(frozen=True, slots=True)
class Source:
    """Study with its texts as training tasks."""

    context: StudyContext
    folder: Path
    """Folder of the study."""
    training_tasks: tuple[TrainingTask, ...]
    """Training tasks, one for each text."""

    def without(self, names: frozenset[str]) -> list[TrainingTask]:
        """Return the training tasks of all texts but these."""
        return [training_task for training_task in self.training_tasks if training_task.name not in names]


@dataclass(frozen=True, slots=True)
class Library:
    """Library of the adapters of complete trials."""

    adapters: Adapters
    mixes: tuple[torch.Tensor, ...]
    """Encoded mix of texts of each adapter, as a description."""
    texts: tuple[frozenset[str], ...]

    def without(self, names: frozenset[str]) -> list[int]:
        """Return the indices of the adapters that were trained on none of these texts."""
        return [index for index, texts in enumerate(self.texts) if not texts & names]


def open_context(study: StoredStudy, cache: Path, encoder: str, *, whole: bool) -> StudyContext:
    """Load the base and the questions of a study.

    Args:
        study: study in any state.
        cache: folder for token arrays.
        encoder: name of the encoder, see `open_encoder`.
        whole: whether a text is one description, see `Reader`.

    Raises:
        InputError: the study trains no adapters, or its inputs are missing or have changed.
    """
    spec = study.spec.objective
    if not isinstance(spec, FinetuneSpec) or any(record.config.from_scratch for record in study.records):
        raise InputError(
            f"The study {study.spec.name!r} trains no adapters on a base, so a hypernetwork has nothing to learn from.",
            code="study-trains-nothing",
        )
    if encoder == "onehot":
        raise InputError(
            "--encoder onehot supports only the names of tasks, and cannot encode texts. Use --encoder base.",
            code="onehot-reads-no-text",
        )
    texts = study.spec.space.texts
    corpus = scan(texts.folder, texts.unit)
    refuse_changed_content(
        study.spec.name,
        {repr(text.name): text.sha256 for text in study.texts if not text.removed},
        {repr(text.name): text.sha256 for text in corpus.texts},
    )
    prepared = objectives.prepare(spec, corpus, cache)
    if study.inputs:
        refuse_changed_content(study.spec.name, study.inputs, comparable_inputs(study.inputs, prepared.inputs))
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    resources, encoding = WorkerResources.open(spec, corpus, cache), base.encoding(spec.add_bos_token)
    opened_encoder = open_encoder(encoder, resources.model, encoding)
    chunk = min(_WINDOWS * spec.sequence_length, prepared.layout.context, opened_encoder.longest)
    return StudyContext(
        study, spec, base, prepared.layout, resources, Reader(encoding, opened_encoder, chunk, _CHUNKS, whole)
    )


def open_source(study: StoredStudy, folder: Path, encoder: str, *, whole: bool) -> Source:
    """Load a study with its texts as training tasks.

    Raises:
        InputError: see `open_context`.
    """
    context = open_context(study, folder / "cache", encoder, whole=whole)
    resources, length = context.resources, context.spec.sequence_length
    return Source(
        context, folder, tuple(context.reader.training_task(text, resources, length) for text in resources.corpus.texts)
    )


def library_of(source: Source) -> Library:
    """Load the adapters of complete trials, stacked for one target.

    Raises:
        InputError: there are too few adapters.
    """
    trials = list(_adapters(source))
    if len(trials) < _FEWEST_ADAPTERS:
        raise InputError(
            f"Reconstruction needs {_FEWEST_ADAPTERS} complete trials with a LoRA adapter on disk (methods lora, "
            f"rslora and loraplus); {source.context.study.spec.name!r} has {len(trials)}. Run more trials, or train "
            "with --by end-to-end.",
            code="adapters-too-few",
        )
    paths = {path for _, matrices in trials for path in matrices}
    rank = max(len(matrix.down) for _, matrices in trials for matrix in matrices.values())
    target = Target.covering(source.context.layout, source.context.resources.model, paths, rank)
    encoded = {training_task.name: training_task.descriptions for training_task in source.training_tasks}
    mixes = tuple(mixed(encoded, dict(record.config.mix.weights)) for record, _ in trials)
    adapters = stacked(target, [matrices for _, matrices in trials])
    return Library(adapters, mixes, tuple(frozenset(record.texts) for record, _ in trials))


def _adapters(source: Source) -> Iterator[tuple[TrialRecord, dict[str, Matrices]]]:
    """Yield complete trials with their LoRA matrices by module path; trials with other adapters are skipped."""
    study = source.context.study
    artifacts = artifacts_of(study, source.folder)
    for record in study.ended(TrialState.COMPLETE):
        if find_adapter(study, source.folder, record) is None:
            continue
        with tempfile.TemporaryDirectory(prefix="mixtune-") as temporary:
            artifacts.copy(record.number, record.rungs[-1].artifact, Path(temporary))
            stages = artifact.load(Path(temporary))
        if all(is_plain_lora(stage) for stage in stages):
            yield record, matrices_of(stages)
