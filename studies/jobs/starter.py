"""`mixtune init`: writes a commented study file for a folder of texts."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyascii import anyascii
from jinja2 import Environment

from objectives.bases import BASES
from objectives.templating import environment
from spaces import Corpus, InputError, MixtuneError, scan
from spaces.corpus import reading_notes
from studies.spec import parse_study

if TYPE_CHECKING:
    from studies.run.estimate.estimate import Estimate

_TOKENS_PER_WORD = 1.5
"""Typical tokens per word, for a first estimate of the budget."""
_LENGTH = 256
"""Length of a training sequence if all texts are long enough, in tokens."""
_TRAINED_SHARE = 0.8
_BATCH = 8
_MIN_STEPS = 9
"""Minimum number of steps, so that a trial has three steps between rungs."""
_FEWEST_TRIALS = 40
_TRIALS_PER_TEXT = 8
"""A quarter of the trials are pairs of randomized trials; with fewer pairs than texts, intervals are wide."""


@dataclass(frozen=True, slots=True)
class Starter:
    """Options of `mixtune init`."""

    folder: Path
    base: str = "tiny"
    tasks: tuple[str, ...] = ()
    heldout: str | None = None
    hours: float = 1.0
    """Maximum duration of the study on this machine."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Size of a study."""

    tokens: int
    """Training tokens per trial."""
    trials: int
    length: int
    """Length of a training sequence, in tokens."""


@dataclass(frozen=True, slots=True)
class Written:
    """Result of `write_study_file`."""

    corpus: Corpus
    choices: tuple[str, ...]
    """Sentences that explain the chosen values."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about the files that were read."""
        return tuple(reading_notes(self.corpus))


def write_study_file(
    starter: Starter,
    path: Path,
    *,
    measure: bool = True,
    local: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write a study file that runs as it is, in about `starter.hours` hours.

    Args:
        starter: options of the command.
        path: file to write; must not exist.
        measure: whether to time the base on this machine to choose the sizes; bases on the hub are not timed.
        local: whether to time in this process, for one trial at a time, without Ray.
        report: called with a description of the current step.

    Raises:
        InputError: the folder cannot be used, or the file exists.
    """
    if path.exists():
        raise InputError(
            f"{str(path)!r} already exists. Remove it, or choose another file with --out.", code="path-taken"
        )
    corpus = scan(starter.folder)
    heldout = corpus[starter.heldout].name if starter.heldout is not None else corpus.names[0]
    starter = replace(starter, heldout=heldout)
    sizes = _first_sizes(corpus)
    duration_note = "The duration was not measured: `mixtune estimate` predicts it."
    if measure and (starter.base in BASES or _is_folder(starter.base)):
        report("Timing the base on this machine …")
        sizes, duration_note = _timed_sizes(starter, corpus, sizes, path.parent, local=local)
    content = _rendered(starter, corpus, sizes, path)
    parse_study(content, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return Written(corpus, (*_choices(starter, sizes), duration_note))


def starting_spec(starter: Starter) -> dict[str, Any]:
    """Data of the study that `write_study_file` would write, with sizes that were not timed.

    Raises:
        InputError: the folder cannot be used.
    """
    corpus = scan(starter.folder)
    heldout = corpus[starter.heldout].name if starter.heldout is not None else corpus.names[0]
    starter = replace(starter, heldout=heldout)
    path = Path.cwd() / "study.yaml"
    return parse_study(_rendered(starter, corpus, _first_sizes(corpus), path), path).to_dict()


def _choices(starter: Starter, sizes: Sizes) -> Iterator[str]:
    """Yield sentences on the chosen values, and on how to change them."""
    yield f"Base: {starter.base}." + (" It ships with mixtune; --base names another." if starter.base == "tiny" else "")
    if starter.tasks:
        yield f"Objective: the questions of {', '.join(starter.tasks)}."
    else:
        yield (
            f"Objective: to predict the last fifth of {starter.heldout!r}, because no benchmark was named. Texts "
            "similar to this text will score well. --heldout names another text, --task a benchmark."
        )
    yield f"Size: {sizes.trials:,} trials of {sizes.tokens:,} training tokens each."


def _timed_sizes(starter: Starter, corpus: Corpus, sizes: Sizes, place: Path, *, local: bool) -> tuple[Sizes, str]:
    """Return sizes that fit into the time and a sentence about it; the initial sizes if nothing can be timed."""
    try:
        return _fit_sizes(starter, corpus, sizes, place, local=local)
    except MixtuneError as error:  # the file is still written, for the user to fix
        return sizes, f"The duration could not be measured: {error}"


def _fit_sizes(starter: Starter, corpus: Corpus, sizes: Sizes, place: Path, *, local: bool) -> tuple[Sizes, str]:
    """Return sizes that fit into the time on this machine, and a sentence about the duration.

    Tokens are reduced first, because fewer trials widen the intervals of all texts.
    """
    from studies.analysis.units import duration
    from studies.run.estimate.advice import fitting_tokens, fitting_trials, hours_words

    within = f"{hours_words(starter.hours)} (--hours)"
    estimate = _estimate(starter, corpus, sizes, place, local=local)
    if estimate.total <= 3600 * starter.hours:
        return sizes, f"The study takes about {duration(estimate.total)} on this machine, as just measured."
    if (tokens := fitting_tokens(estimate, starter.hours)) is not None and tokens >= _least_tokens(sizes.length):
        return replace(sizes, tokens=tokens), f"Training tokens were reduced to fit about {within} on this machine."
    smallest = replace(sizes, tokens=_least_tokens(sizes.length))
    estimate = _estimate(starter, corpus, smallest, place, local=local)
    trials = fitting_trials(estimate, starter.hours)
    if trials is not None and trials >= estimate.fewest:
        fitting = replace(smallest, trials=min(sizes.trials, trials))
        return fitting, f"Training tokens and trials were reduced to fit about {within} on this machine."
    fewest = replace(smallest, trials=estimate.fewest)
    return fewest, (
        f"The smallest study that can rate these texts takes longer than {within} on this machine; `mixtune estimate` "
        "predicts its duration. Use a smaller base or fewer texts."
    )


def _estimate(starter: Starter, corpus: Corpus, sizes: Sizes, place: Path, *, local: bool) -> Estimate:
    """Estimate the duration of a study of these sizes, as `mixtune estimate` does."""
    from studies.run.estimate.estimate import estimate

    file = place / "study.yaml"  # paths in the file are relative to this folder
    spec = parse_study(_rendered(starter, corpus, sizes, file), file).anchored(place)
    with tempfile.TemporaryDirectory(prefix="mixtune-") as runs:
        return estimate(spec, Path(runs), local=local)


def _rendered(starter: Starter, corpus: Corpus, sizes: Sizes, path: Path) -> str:
    template = _environment().get_template("study.yaml.j2")
    return template.render(
        file=path.name,
        name=_name(starter.folder),
        folder=_relative(starter.folder, path.parent),
        corpus=corpus,
        base=_relative(Path(starter.base), path.parent) if _is_folder(starter.base) else starter.base,
        tasks=starter.tasks,
        heldout=starter.heldout,
        tokens=sizes.tokens,
        length=sizes.length,
        batch=_BATCH,
        trials=sizes.trials,
    )


def _environment() -> Environment:
    jinja = environment("studies.report")
    jinja.filters["quoted"] = _quoted
    return jinja


def _name(folder: Path) -> str:
    """Return a name for the study from the name of a folder, transliterated to Latin letters."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", anyascii(folder.resolve().name)).strip("-._")
    return name[:64].rstrip("-._") or "study"


def _is_folder(base: str) -> bool:
    return base not in BASES and Path(base).is_dir()


def _relative(folder: Path, start: Path) -> str:
    resolved, origin = folder.resolve(), start.resolve()
    return str(resolved.relative_to(origin)) if resolved.is_relative_to(origin) else str(resolved)


def _first_sizes(corpus: Corpus) -> Sizes:
    """Return the initial sizes: two epochs of a text of median size, in whole thousands of tokens."""
    length = _length(corpus)
    words = sorted(text.words for text in corpus.texts)
    tokens = 2 * _TOKENS_PER_WORD * words[len(words) // 2]
    trials = max(_FEWEST_TRIALS, _TRIALS_PER_TEXT * len(corpus.texts) + 16)
    return Sizes(max(_least_tokens(length), min(500_000, round(tokens / 1000) * 1000)), trials, length)


def _length(corpus: Corpus) -> int:
    """Return the sequence length: a power of two, smaller than the training part of the shortest text, in tokens."""
    shortest = _TRAINED_SHARE * min(text.words for text in corpus.texts)
    return max(2, min(_LENGTH, 1 << math.floor(math.log2(max(2, shortest - 1)))))


def _least_tokens(length: int) -> int:
    return _MIN_STEPS * _BATCH * length


def _quoted(value: object) -> str:
    """Return a value as a quoted literal that is valid in YAML and JSON, without escaping non-ASCII letters."""
    return json.dumps(value, ensure_ascii=False)
