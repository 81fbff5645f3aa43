"""Checks that a study fits the machine and that its inputs are unchanged, before any compute is spent."""

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
_MEMORIZED = 20
"""Number of times a text is read beyond which the model memorizes it."""
_COPIES = 4
"""Extra copies of its weights that a running trial stores: the previous rung, and weights and moments to resume."""
_BYTES_PER_TRIAL = 200_000
"""Bytes per trial for database rows, provenance and Ray's records."""


def check_machine(spec: StudySpec) -> None:
    """Check that this machine has the resources that a trial needs.

    Raises:
        FieldError: the machine has too few processors or GPUs.
    """
    usable = processors()
    if spec.search.cpus > max(1.0, usable):  # a small container still runs one trial, if slowly
        raise FieldError(
            "search.cpus",
            f"a trial needs {spec.search.cpus:g} processors, but this program may use only {usable:g} on this "
            "machine. Lower it.",
            code="too-few-processors",
        )
    cards = _graphics_cards() if spec.search.gpus else 0
    if spec.search.gpus and spec.search.gpus > cards:
        raise FieldError(
            "search.gpus",
            f"a trial needs {spec.search.gpus:g} GPUs, but this machine has {cards}. Lower it.",
            code="too-few-gpus",
        )


def _supports_prior(spec: StudySpec) -> bool:
    kind = spec.space.texts.kind
    return kind in ESTIMANDS and ESTIMANDS[kind].of_subsets


def check_listeners(spec: StudySpec) -> None:
    """Check that the listeners are installed; a stored study can be read without them.

    Raises:
        FieldError: a listener is not installed.
    """
    for name in spec.search.listeners:
        try:
            LISTENERS.known(name)
        except UnfitError as error:
            raise FieldError("search.listeners", str(error), code=error.code) from error


def check_prior(spec: StudySpec, corpus: Corpus) -> None:
    """Check that prior effects are given only if subsets of texts are searched, and for known texts.

    Raises:
        FieldError: prior effects are given for another kind of search.
    """
    for name in spec.search.prior_effects:
        corpus.named(name, "search.prior_effects")
    if spec.search.prior_effects and not _supports_prior(spec):
        raise FieldError(
            "search.prior_effects",
            f"gives effects of including a text, so space.texts.choose must be subset; it is "
            f"{spec.space.texts.choose}. Remove the prior effects.",
            code="prior-without-subset",
        )


def check_stop(spec: StudySpec, space: Space) -> None:
    """Check that a study which stops when its texts are decided rates its texts.

    Raises:
        FieldError: no text would ever be decided.
    """
    if spec.search.stops_when_decided and fewest_trials(spec, space) == 1:
        raise FieldError(
            "search.stop",
            "`when_decided` needs ratings of the texts: set space.texts.choose to subset, weights or one, and "
            "search.randomized_share above 0; or use `at_trials`.",
            code="stop-without-rating",
        )


def check_secondary_objective(spec: StudySpec, prepared: Prepared) -> None:
    """Check that the secondary objective of a study is measured.

    Raises:
        FieldError: the secondary objective is not measured.
    """
    secondary = spec.search.secondary_objective
    if secondary is not None and SECONDARY_OBJECTIVES[secondary].quality not in prepared.qualities:
        raise FieldError(
            "search.secondary_objective",
            f"{secondary!r} needs held-out text. Add an entry of `kind: heldout` to objective.scores, after the first.",
            code="secondary-without-heldout",
        )


def check_precision(spec: StudySpec, space: Space) -> None:
    """Check that the base's precision is sufficient for the tuning methods and stages.

    Raises:
        FieldError: the precision is too low.
    """
    precision = spec.objective.precision if isinstance(spec.objective, FinetuneSpec) else "float32"
    if precision == "float32":
        return
    if precision == "4bit" and space.parameter_targets:
        raise FieldError(
            "objective.precision",
            f"{listed(space.parameter_targets)} are adapted as parameters, which 4-bit quantization packs. Use "
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
            f"a stage is merged into the base before the next starts, and {precision} would round it. Use float32, "
            "or one stage.",
            code="precision-rounds-stages",
        )


def check_stages(spec: StudySpec, space: Space) -> None:
    """Check that every stage has at least one training step.

    Raises:
        FieldError: a stage is shorter than one training step.
    """
    if not isinstance(spec.objective, FinetuneSpec):
        return
    step = spec.objective.step_tokens
    for name, tokens in space.budgets.items():
        if tokens < step:
            raise FieldError(
                "space.stages",
                f"the stage {name!r} gets {tokens:,} of {sum(space.budgets.values()):,} tokens, but a training step "
                f"takes {step:,} (objective.batch_size times objective.sequence_length). "
                "Raise its share or objective.tokens.",
                code="stage-too-short",
            )


def repetition_notes(spec: StudySpec, prepared: Prepared) -> Iterator[str]:
    """Warn about texts that would be memorized if they were alone in a mix."""
    budget, texts = prepared.rungs[-1], prepared.corpus.texts
    often = [text for text in texts if text.tokens and budget / text.tokens > _MEMORIZED]
    if often and (spec.space.texts.max_epochs or math.inf) > _MEMORIZED and isinstance(spec.objective, FinetuneSpec):
        worst = max(often, key=lambda text: budget / text.tokens)
        yield (
            f"{len(often)} of {len(texts)} texts would be read more than {_MEMORIZED} times when they are alone "
            f"in a mix ({worst.name!r}: {budget / worst.tokens:.0f} times), and would be memorized. Lower "
            "objective.tokens to compare texts by what they teach, or set space.texts.max_epochs."
        )


def disk_needed(space: Space, trials: int) -> int:
    """Return the maximum number of bytes that `trials` trials write: adapters, running state and database rows."""
    return trials * (space.largest * _BYTES_PER_WEIGHT + _BYTES_PER_TRIAL) + _COPIES * space.largest * _BYTES_PER_WEIGHT


def check_disk(space: Space, folder: Path, trials: int) -> None:
    """Check that the disk has room for the largest adapter of every trial, and for the database.

    Raises:
        InputError: the folder cannot be created, or the disk has too little space.
    """
    needed = disk_needed(space, trials)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The study's folder {str(folder)!r} cannot be created: {error.strerror}. Choose another with --runs.",
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
    """Return the current input hashes of a study, without those that its version could not store at launch.

    Studies of older versions keep reading without special tokens and chat templates, as they were launched.

    Args:
        old: hashes by name, at launch.
        new: hashes by name, now.
    """
    if SPECIAL_TOKENS in old:
        return new
    return {name: value for name, value in new.items() if name not in NEWER and not name.startswith(CHAT_TEMPLATE)}


def refuse_former_bos(study: StoredStudy) -> None:
    """Refuse an old study whose questions were scored with special tokens, but whose training had none.

    Versions without a choice of special tokens left them to lm-eval.

    Raises:
        InputError: the base has special tokens, and the study was launched by such a version.
    """
    objective = study.spec.objective
    if not isinstance(objective, FinetuneSpec) or not study.inputs or SPECIAL_TOKENS in study.inputs:
        return
    from objectives.worker import open_base

    prefix = open_base(objective.base, trust_code=objective.trust_remote_code).encoding().shown_prefix
    if prefix:
        raise InputError(
            f"The study {study.spec.name!r} was launched by a version that trained its base without {prefix!r} but "
            "scored it with this prefix, so its trials cannot be compared with new ones. Its report can still be "
            "written; launch the study again under another name.",
            code="study-with-other-prefix",
        )


def refuse_changed_content(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Check that the inputs of a study are unchanged.

    Args:
        name: name of the study.
        old: hashes by name, at launch.
        new: hashes by name, now.

    Raises:
        InputError: an input has changed; the message names every change.
    """
    changes = [f"{item} is missing" for item in old if item not in new]
    changes += [f"{item} is new" for item in new if item not in old]
    changes += [f"{item} was changed" for item in old if item in new and old[item] != new[item]]
    if changes:
        raise InputError(
            f"Inputs of the study {name!r} have changed since its launch, so new trials could not be compared with "
            f"old ones: {listed(changes)}. Restore them, or launch a new study under another name.",
            code="inputs-changed",
        )


def _graphics_cards() -> int:
    from objectives.device import cards

    return cards()


def fewest_trials(spec: StudySpec, space: Space) -> int:
    """Return the minimum number of trials for intervals; 1 if texts are not rated."""
    design = design_of(space, spec.seed)
    if design is None or not spec.search.randomized_share:
        return 1
    return math.ceil(ESTIMANDS[space.choose].fewest * design.size / spec.search.randomized_share)


def rating_notes(spec: StudySpec, space: Space) -> Iterator[str]:
    """Warn if a study has too few trials to rate its texts."""
    needed = fewest_trials(spec, space)
    if spec.search.trials < needed:
        yield (
            f"{spec.search.trials} trials are too few to rate the texts: at least {needed} are needed, with "
            f"{spec.search.randomized_share:.0%} of them on random texts. Raise search.trials or "
            "search.randomized_share."
        )
