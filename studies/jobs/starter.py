"""`mixtune init`: a commented study file for a folder of texts."""

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
from studies.study_file import parse_study

if TYPE_CHECKING:
    from studies.run.estimate.estimate import Estimate

_TOKENS_PER_WORD = 1.5
"""A usual tokenizer's, for a first guess of the budget."""
_LENGTH = 256
"""Tokens of a training sequence, where all texts are long enough."""
_TRAINED_SHARE = 0.8
_BATCH = 8
_STEPS = 9
"""At least, so that a trial has three steps between rungs."""
_FEWEST_TRIALS = 40
_TRIALS_PER_TEXT = 8
"""A quarter of them are pairs of randomized trials: with fewer than twice as many as texts, intervals are wide."""


@dataclass(frozen=True, slots=True)
class Starter:
    """The options of `mixtune init`."""

    folder: Path
    base: str = "tiny"
    tasks: tuple[str, ...] = ()
    heldout: str | None = None
    hours: float = 1.0
    """Time that the study should take on this machine."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a study is."""

    tokens: int
    """Training tokens of a trial."""
    trials: int
    length: int
    """Tokens of a training sequence."""


@dataclass(frozen=True, slots=True)
class Written:
    """A study file that was written, and why it says what it says."""

    corpus: Corpus
    choices: tuple[str, ...]
    """What was chosen for the user, in sentences."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files that were read."""
        return tuple(reading_notes(self.corpus))


def write_study_file(
    starter: Starter,
    path: Path,
    *,
    measure: bool = True,
    local: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write a study file that runs as it is and ends in about the hours that the user has.

    Args:
        starter: what the user asks for.
        path: file to write; must not exist.
        measure: time the base on this machine, for the sizes; a base that lies on the hub is not fetched for it.
        local: time it in this process, for one trial at a time, without Ray.
        told: hears what is being done.

    Raises:
        InputError: the folder cannot be used, or the file exists.
    """
    if path.exists():
        raise InputError(
            f"{str(path)!r} exists already. Remove it, or choose another file with --out.", code="path-taken"
        )
    corpus = scan(starter.folder)
    heldout = corpus[starter.heldout].name if starter.heldout is not None else corpus.names[0]
    starter = replace(starter, heldout=heldout)
    sizes = _first_sizes(corpus)
    time = "Its time was not measured: `mixtune estimate` says how long it takes."
    if measure and (starter.base in BASES or _is_folder(starter.base)):
        told("Timing the base on this machine …")
        sizes, time = _timed(starter, corpus, sizes, path.parent, local=local)
    content = _rendered(starter, corpus, sizes, path)
    parse_study(content, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return Written(corpus, (*_choices(starter, sizes), time))


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
    """Sentences on what was chosen, and on how to choose otherwise."""
    yield f"Base: {starter.base}." + (" It ships with mixtune; --base names another." if starter.base == "tiny" else "")
    if starter.tasks:
        yield f"Objective: the questions of {', '.join(starter.tasks)}."
    else:
        yield (
            f"Objective: to predict the last fifth of {starter.heldout!r}, because no benchmark was named. Texts "
            "that are like it will look good. --heldout names another text, --task a benchmark."
        )
    yield f"Size: {sizes.trials:,} trials of {sizes.tokens:,} training tokens each."


def _timed(starter: Starter, corpus: Corpus, sizes: Sizes, place: Path, *, local: bool) -> tuple[Sizes, str]:
    """Sizes that fit into the hours, and the time in words; the first ones where nothing can be timed."""
    try:
        return _fitted(starter, corpus, sizes, place, local=local)
    except MixtuneError as error:  # the file is written all the same, for the user to mend
        return sizes, f"Its time could not be measured: {error}"


def _fitted(starter: Starter, corpus: Corpus, sizes: Sizes, place: Path, *, local: bool) -> tuple[Sizes, str]:
    """Sizes with which the study ends in time on this machine, and how long that takes, in a sentence.

    Tokens give way first: with fewer trials the intervals of all texts are wider.
    """
    from studies.analysis.units import duration
    from studies.run.estimate.advice import fitting_tokens, fitting_trials, hours_words

    within = f"{hours_words(starter.hours)} (--hours)"
    found = _estimated(starter, corpus, sizes, place, local=local)
    if found.total <= 3600 * starter.hours:
        return sizes, f"That takes about {duration(found.total)} here, measured just now."
    if (tokens := fitting_tokens(found, starter.hours)) is not None and tokens >= _least_tokens(sizes.length):
        return replace(sizes, tokens=tokens), f"Training tokens were lowered so that it takes about {within} here."
    smallest = replace(sizes, tokens=_least_tokens(sizes.length))
    found = _estimated(starter, corpus, smallest, place, local=local)
    trials = fitting_trials(found, starter.hours)
    if trials is not None and trials >= found.fewest:
        fitting = replace(smallest, trials=min(sizes.trials, trials))
        return fitting, f"Tokens and trials were lowered so that it takes about {within} here."
    fewest = replace(smallest, trials=found.fewest)
    return fewest, (
        f"The smallest study of these texts that rates them takes longer than {within} here: `mixtune estimate` says "
        "how long. A smaller base or fewer texts take less."
    )


def _estimated(starter: Starter, corpus: Corpus, sizes: Sizes, place: Path, *, local: bool) -> Estimate:
    """How long a study of these sizes would take, as `mixtune estimate` says it."""
    from studies.run.estimate.estimate import estimate

    file = place / "study.yaml"  # paths in it start there
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
    made = environment("studies.report")
    made.filters["quoted"] = _quoted
    return made


def _name(folder: Path) -> str:
    """A study's name from its folder's, in Latin letters whatever its script."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", anyascii(folder.resolve().name)).strip("-._")
    return name[:64].rstrip("-._") or "study"


def _is_folder(base: str) -> bool:
    return base not in BASES and Path(base).is_dir()


def _relative(folder: Path, start: Path) -> str:
    resolved, origin = folder.resolve(), start.resolve()
    return str(resolved.relative_to(origin)) if resolved.is_relative_to(origin) else str(resolved)


def _first_sizes(corpus: Corpus) -> Sizes:
    """Sizes for a machine that is quick enough: twice through a text of median size, in whole thousands of tokens."""
    length = _length(corpus)
    words = sorted(text.words for text in corpus.texts)
    tokens = 2 * _TOKENS_PER_WORD * words[len(words) // 2]
    trials = max(_FEWEST_TRIALS, _TRIALS_PER_TEXT * len(corpus.texts) + 16)
    return Sizes(max(_least_tokens(length), min(500_000, round(tokens / 1000) * 1000)), trials, length)


def _length(corpus: Corpus) -> int:
    """Tokens of a training sequence: a power of two that the shortest text exceeds, a part of it held out."""
    shortest = _TRAINED_SHARE * min(text.words for text in corpus.texts)
    return max(2, min(_LENGTH, 1 << math.floor(math.log2(max(2, shortest - 1)))))


def _least_tokens(length: int) -> int:
    return _STEPS * _BATCH * length


def _quoted(value: object) -> str:
    """A value as YAML and JSON both write it, in its own script."""
    return json.dumps(value, ensure_ascii=False)
