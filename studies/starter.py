"""`mixtune init`: a commented study file for a folder of texts."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from spaces import Corpus, InputError, scan
from studies.study_file import parse_study

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
"""A quarter of them are pairs of randomised trials: with fewer than twice as many as texts, intervals are wide."""


@dataclass(frozen=True, slots=True)
class Starter:
    """What a new study file asks for."""

    folder: Path
    base: str = "tiny"
    tasks: tuple[str, ...] = ()
    heldout: str | None = None


def write_study_file(starter: Starter, path: Path) -> Corpus:
    """Write a study file that runs as it is; return the texts that it is about.

    Raises:
        InputError: the folder cannot be used, or the file exists.
    """
    if path.exists():
        raise InputError(
            f"{str(path)!r} exists already. Remove it, or choose another file with --out.", code="path-taken"
        )
    corpus = scan(starter.folder)
    if starter.heldout is not None:
        corpus[starter.heldout]
    length = _length(corpus)
    content = (
        _environment()
        .get_template("study.yaml.j2")
        .render(
            file=path.name,
            name=_name(starter.folder),
            folder=_relative(starter.folder, path.parent),
            corpus=corpus,
            base=starter.base,
            tasks=starter.tasks,
            heldout=starter.heldout or corpus.names[0],
            tokens=_budget(corpus, length),
            length=length,
            batch=_BATCH,
            trials=max(_FEWEST_TRIALS, _TRIALS_PER_TEXT * len(corpus.texts) + 16),
        )
    )
    parse_study(content, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return corpus


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("studies", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  it writes YAML
    )
    environment.filters["quoted"] = _quoted
    return environment


def _name(folder: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._")
    return name[:64] or "study"


def _relative(folder: Path, start: Path) -> str:
    resolved, origin = folder.resolve(), start.resolve()
    return str(resolved.relative_to(origin)) if resolved.is_relative_to(origin) else str(resolved)


def _length(corpus: Corpus) -> int:
    """Tokens of a training sequence: a power of two that the shortest text exceeds, a part of it held out."""
    shortest = _TRAINED_SHARE * min(text.words for text in corpus.texts)
    return max(2, min(_LENGTH, 1 << math.floor(math.log2(max(2, shortest - 1)))))


def _budget(corpus: Corpus, length: int) -> int:
    """Tokens of a trial for a first study: twice through a text of median size, in whole thousands."""
    sizes = sorted(text.words for text in corpus.texts)
    tokens = 2 * _TOKENS_PER_WORD * sizes[len(sizes) // 2]
    return max(_STEPS * _BATCH * length, min(500_000, round(tokens / 1000) * 1000))


def _quoted(value: object) -> str:
    """A value as YAML and JSON both write it, in its own script."""
    return json.dumps(value, ensure_ascii=False)
