"""Launching and resuming a study: check everything, then wire space, objective, searcher and runner."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import objectives
from objectives.base import Prepared
from search.runner import Runner
from search.searcher import Event, StudySearcher
from spaces import Corpus, InputError, Space, scan
from spaces.choices import FloatRange, IntRange, options
from spaces.errors import listed
from studies.spec import StudySpec
from studies.store import Store, StoredStudy, StoredText, default_url, explained, taken

Watch = Callable[[Event], None]
MakeRunner = Callable[[StudySpec, Path], Runner]
"""From a specification and a scratch folder to what runs its trials."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a study ended."""

    study: StoredStudy
    folder: Path
    interrupted: bool
    """Whether trials are left to run."""
    reason: str
    """Why it stopped early of itself; empty where it did not."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A study that has passed every check, before any compute."""

    spec: StudySpec
    folder: Path
    store: Store
    prepared: Prepared
    space: Space

    @property
    def rungs(self) -> tuple[int, ...]:
        """Cumulative tokens at which every trial reports."""
        return self.prepared.rungs

    def run(self, make_runner: MakeRunner, watch: Watch) -> Outcome:
        """Run trials until the study has all, is interrupted, or stops itself.

        Raises:
            InputError: the database cannot be used any more, for example because the disk is full.
        """
        build = partial(objectives.build, self.spec.objective, self.prepared.corpus, (self.folder / "cache").resolve())
        searcher = StudySearcher(
            self.store.storage,
            self.spec.name,
            self.space,
            self.spec.search,
            self.rungs,
            self.spec.seed,
            watch,
        )
        interrupted = False
        try:
            with explained(self.store.url):
                make_runner(self.spec, self.folder / "ray").run(searcher, build, self.folder / "artifacts")
        except KeyboardInterrupt:
            interrupted = True
        except InputError as error:
            name = self.spec.name
            raise InputError(f"{error} What was stored before is kept; go on with: mixtune resume {name}") from error
        return Outcome(self.store.load(self.spec.name), self.folder, interrupted, searcher.stop_reason)


def prepare_launch(spec: StudySpec, runs: Path) -> Ready:
    """Check a new study and make it in its database.

    Raises:
        InputError: anything that would make the study fail, or its name is taken.
    """
    folder = runs / spec.name
    url = spec.storage or default_url(folder)
    if spec.storage is None and (folder / "study.db").exists() and spec.name in Store(url).names():
        raise InputError(taken(spec.name))
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    ready = _ready(spec, folder, url, corpus)
    _check_disk(spec, ready.prepared, folder)
    ready.store.create(spec, ready.prepared.corpus)
    return ready


def prepare_resume(name: str, runs: Path, storage: str | None = None, trials: int | None = None) -> Ready:
    """Check that an existing study can go on, and raise its number of trials where asked to.

    Raises:
        InputError: there is no such study, or its texts have changed.
    """
    store, study = find(name, runs, storage)
    spec = study.spec
    if trials is not None:
        spec = spec.model_copy(update={"search": spec.search.model_copy(update={"trials": trials})})
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    _check_unchanged(name, study.texts, corpus)
    ready = _ready(spec, runs / name, store.url, corpus)
    store.update(name, spec)
    return ready


def find(name: str, runs: Path, storage: str | None = None) -> tuple[Store, StoredStudy]:
    """An existing study and its database.

    Raises:
        InputError: there is none; the message lists those that exist.
    """
    folder = runs / name
    if storage is None and not (folder / "study.db").is_file():
        there = sorted(path.parent.name for path in runs.glob("*/study.db"))
        raise InputError(
            f"There is no study {name!r} in {str(runs)!r}. Studies there: {listed(there)}. "
            "A study in another database is found with --storage URL."
        )
    store = Store(storage or default_url(folder))
    return store, store.load(name)


def _ready(spec: StudySpec, folder: Path, url: str, corpus: Corpus) -> Ready:
    prepared = objectives.prepare(spec.objective, corpus, folder / "cache")
    space = Space(spec.space, prepared.corpus, prepared.layout, prepared.rungs[-1])
    if not space.distributions:
        raise InputError(
            "The space has nothing to search: every field of `space:` is fixed. Set space.texts.choose to subset, or "
            "give a list or a range for a field."
        )
    return Ready(spec, folder, Store(url), prepared, space)


def _check_unchanged(name: str, before: tuple[StoredText, ...], now: Corpus) -> None:
    old = {text.name: text.sha256 for text in before}
    new = {text.name: text.sha256 for text in now.texts}
    changes = [f"{text!r} is gone" for text in old if text not in new]
    changes += [f"{text!r} is new" for text in new if text not in old]
    changes += [f"{text!r} was edited" for text in old if text in new and old[text] != new[text]]
    if changes:
        raise InputError(
            f"The texts of the study {name!r} have changed since it began, so new trials could not be compared with "
            f"old ones: {listed(changes)}. Restore the texts, or launch a new study under another name."
        )


def _check_disk(spec: StudySpec, prepared: Prepared, folder: Path) -> None:
    """Room for the largest adapter of every trial, and some for the database."""
    rank = spec.space.lora.rank
    highest = rank.high if isinstance(rank, IntRange | FloatRange) else max(options(rank))
    needed = spec.search.trials * (prepared.adapter_bytes * highest + _BYTES_PER_TRIAL)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"The study may write up to {needed / 1e9:.1f} GB ({spec.search.trials} adapters of rank {highest}), but "
            f"the disk of {str(folder)!r} has {free / 1e9:.1f} GB left. Free space, choose another folder with --runs, "
            "or lower search.trials or space.lora.rank."
        )


_BYTES_PER_TRIAL = 200_000
"""Rows of the database, provenance and Ray's records."""
