"""Whether a study fits the machine and is still what it was: asked before any compute is spent."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from objectives.base import Prepared
from objectives.bases.identity import NEWER, SPECIAL_TOKENS
from objectives.reading import CHAT_TEMPLATE
from objectives.spec import FinetuneSpec
from search.designs import design_of
from search.listeners import LISTENERS
from search.machine import processors
from search.secondary import SECONDARY_OBJECTIVES
from spaces import Corpus, FieldError, InputError, Space
from spaces.errors import UnfitError, listed
from spaces.methods import METHODS
from studies.analysis.estimands import ESTIMANDS
from studies.spec import StudySpec
from studies.storage.stored import StoredStudy

_BYTES_PER_WEIGHT = 4
_BY_HEART = 20
"""Times that a text is read after which it is learned word by word."""
_STATE = 4
"""Copies of its weights that a trial under way keeps besides: the rung before, weights and moments to go on."""
_BYTES_PER_TRIAL = 200_000
"""Rows of the database, provenance and Ray's records."""


def check_machine(spec: StudySpec) -> None:
    """See that this machine has what a trial wants.

    Raises:
        FieldError: it has not.
    """
    usable = processors()
    if spec.search.cpus > max(1.0, usable):  # a small container still runs one trial, if slowly
        raise FieldError(
            "search.cpus",
            f"a trial wants {spec.search.cpus:g} processors, and this machine has {usable:g} that this program may "
            "use. Lower it.",
            code="too-few-processors",
        )
    cards = _graphics_cards() if spec.search.gpus else 0
    if spec.search.gpus and spec.search.gpus > cards:
        raise FieldError(
            "search.gpus",
            f"a trial wants {spec.search.gpus:g} GPUs, and this machine has {cards}. Lower it.",
            code="too-few-gpus",
        )


def _takes_prior(spec: StudySpec) -> bool:
    kind = spec.space.texts.kind
    return kind in ESTIMANDS and ESTIMANDS[kind].of_subsets


def check_listeners(spec: StudySpec) -> None:
    """See that the listeners are installed here; a stored study can be read without them.

    Raises:
        FieldError: one is not.
    """
    for name in spec.search.listeners:
        try:
            LISTENERS.known(name)
        except UnfitError as error:
            raise FieldError("search.listeners", str(error), code=error.code) from error


def check_prior(spec: StudySpec, corpus: Corpus) -> None:
    """See that a prior is about texts that are searched one by one.

    Raises:
        FieldError: it is not.
    """
    for name in spec.search.prior_effects:
        corpus.named(name, "search.prior_effects")
    if spec.search.prior_effects and not _takes_prior(spec):
        raise FieldError(
            "search.prior_effects",
            f"says what including a text does, so space.texts.choose must be subset; it is "
            f"{spec.space.texts.choose}. Leave out the prior.",
            code="prior-without-subset",
        )


def check_secondary_objective(spec: StudySpec, prepared: Prepared) -> None:
    """See that the secondary objective of a study is measured.

    Raises:
        FieldError: it is not.
    """
    second = spec.search.secondary_objective
    if second is not None and SECONDARY_OBJECTIVES[second].quality not in prepared.qualities:
        raise FieldError(
            "search.secondary_objective",
            f"{second!r} needs held-out text. Add an entry of `kind: heldout` to objective.scores, after the first.",
            code="secondary-without-heldout",
        )


def check_precision(spec: StudySpec, space: Space) -> None:
    """See that the base is kept precisely enough for what changes its weights.

    Raises:
        FieldError: it is not.
    """
    precision = spec.objective.precision if isinstance(spec.objective, FinetuneSpec) else "float32"
    if precision == "float32":
        return
    if precision == "4bit" and space.parameter_targets:
        raise FieldError(
            "objective.precision",
            f"{listed(space.parameter_targets)} are adapted as parameters, which 4 bits pack into another form. Use "
            "bfloat16, or other targets (space.tuning.targets: attention).",
            code="targets-packed",
        )
    copies = sorted(name for name in space.methods if METHODS[name].copies)
    if copies:
        raise FieldError(
            "objective.precision",
            f"{listed(copies)} train the base's own weights, whose small steps {precision} would round away. "
            "Use float32, or another method (space.tuning.method).",
            code="precision-too-low",
        )
    if space.stages > 1:
        raise FieldError(
            "objective.precision",
            f"a stage becomes part of the base before the next begins, and {precision} would round it. Use float32, "
            "or one stage.",
            code="precision-rounds-stages",
        )


def check_stages(spec: StudySpec, space: Space) -> None:
    """See that every stage has a training step at least.

    Raises:
        FieldError: one has not.
    """
    if not isinstance(spec.objective, FinetuneSpec):
        return
    step = spec.objective.step_tokens
    for name, tokens in space.budgets.items():
        if tokens < step:
            raise FieldError(
                "space.stages",
                f"the stage {name!r} gets {tokens:,} tokens of {sum(space.budgets.values()):,}, and a training step "
                f"takes {step:,} (objective.batch_size times objective.sequence_length). "
                "Raise its share or objective.tokens.",
                code="stage-too-short",
            )


def repetition_notes(spec: StudySpec, prepared: Prepared) -> Iterator[str]:
    """Say where a text alone in its mix would be read so often that it is learned by heart."""
    budget, texts = prepared.rungs[-1], prepared.corpus.texts
    often = [text for text in texts if text.tokens and budget / text.tokens > _BY_HEART]
    if often and (spec.space.texts.max_epochs or math.inf) > _BY_HEART and isinstance(spec.objective, FinetuneSpec):
        worst = max(often, key=lambda text: budget / text.tokens)
        yield (
            f"{len(often)} of {len(texts)} texts would be read more than {_BY_HEART} times where they are alone "
            f"in a mix ({worst.name!r}: {budget / worst.tokens:.0f} times), and be learned by heart. Lower "
            "objective.tokens to compare texts by what they teach, or set space.texts.max_epochs."
        )


def disk_needed(space: Space, trials: int) -> int:
    """Bytes that so many trials may write: the largest adapter for each, and some for the database."""
    return trials * (space.largest * _BYTES_PER_WEIGHT + _BYTES_PER_TRIAL) + _STATE * space.largest * _BYTES_PER_WEIGHT


def check_disk(space: Space, folder: Path, trials: int) -> None:
    """See that there is room for the largest adapter of every trial, and some for the database.

    Raises:
        InputError: there is not.
    """
    needed = disk_needed(space, trials)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The study's folder {str(folder)!r} cannot be made: {error.strerror}. Choose another place with --runs.",
            code="folder-unwritable",
        ) from error
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"The study may write up to {needed / 1e6:,.0f} MB ({trials} adapters of up to "
            f"{space.largest:,} weights), but the disk of {str(folder)!r} has {free / 1e6:,.0f} MB "
            "left. Free space, choose another folder with --runs, or lower search.trials or what space.tuning trains.",
            code="disk-full",
        )


def comparable_inputs(old: Mapping[str, str], new: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a study rests on now, without the rows that it could not store when it began.

    Studies of older versions are read as they were begun, without special tokens and chat templates.

    Args:
        old: hashes by name, when the study began.
        new: hashes by name, now.
    """
    if SPECIAL_TOKENS in old:
        return new
    return {name: value for name, value in new.items() if name not in NEWER and not name.startswith(CHAT_TEMPLATE)}


def refuse_former_bos(study: StoredStudy) -> None:
    """See that an old study reads alike before and after: its questions had special tokens, its training had not.

    Versions before special tokens could be chosen left them to lm-eval.

    Raises:
        InputError: the base has special tokens, and the study is of such a version.
    """
    objective = study.spec.objective
    if not isinstance(objective, FinetuneSpec) or not study.inputs or SPECIAL_TOKENS in study.inputs:
        return
    from objectives.worker import open_base

    prefix = open_base(objective.base, trust_code=objective.trust_remote_code).encoding().shown_prefix
    if prefix:
        raise InputError(
            f"The study {study.spec.name!r} was begun by a version that trained its base without {prefix!r} and asked "
            "it with it, so its trials cannot be compared with new ones. Its report can still be written; launch the "
            "study anew, under another name.",
            code="study-with-other-prefix",
        )


def refuse_changed_content(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """See that what a study rests on has the content that it had.

    Args:
        name: of the study.
        old: hashes by name, when the study began.
        new: hashes by name, now.

    Raises:
        InputError: something has changed; the message names it.
    """
    changes = [f"{each} is gone" for each in old if each not in new]
    changes += [f"{each} is new" for each in new if each not in old]
    changes += [f"{each} was changed" for each in old if each in new and old[each] != new[each]]
    if changes:
        raise InputError(
            f"What the study {name!r} rests on has changed since it began, so new trials could not be compared with "
            f"old ones: {listed(changes)}. Restore it, or launch a new study under another name.",
            code="inputs-changed",
        )


def _graphics_cards() -> int:
    from objectives.device import cards

    return cards()


def fewest_trials(spec: StudySpec, space: Space) -> int:
    """Trials without which no text has an interval; 1 where texts are not rated."""
    design = design_of(space, spec.seed)
    if design is None or not spec.search.randomized_share:
        return 1
    return math.ceil(ESTIMANDS[space.choose].fewest * design.size / spec.search.randomized_share)


def rating_notes(spec: StudySpec, space: Space) -> Iterator[str]:
    """Say where a study has too few trials to rate its texts."""
    wanted = fewest_trials(spec, space)
    if spec.search.trials < wanted:
        yield (
            f"{spec.search.trials} trials are too few to rate the texts: {wanted} are the least, of which "
            f"{spec.search.randomized_share:.0%} have their texts drawn at random. Raise search.trials or "
            "search.randomized_share."
        )
