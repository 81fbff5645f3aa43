"""Launching and resuming a study: check everything, then wire space, objective, searcher and runner."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

import objectives
from objectives.base import Prepared
from search.runner import Runner
from search.searcher import Event, StudySearcher
from spaces import Corpus, FieldError, InputError, Space, scan
from spaces.choices import FloatRange, IntRange, options
from spaces.corpus import ignored_note
from spaces.errors import listed
from studies.spec import StudySpec
from studies.store import Store, StoredStudy, default_url, explained, lock_path, resume_command, taken

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
    def notes(self) -> tuple[str, ...]:
        """What the user should know before the study starts."""
        return (*ignored_note(self.prepared.corpus), *self.prepared.notes)

    @property
    def rungs(self) -> tuple[int, ...]:
        """Cumulative tokens at which every trial reports."""
        return self.prepared.rungs

    def run(self, make_runner: MakeRunner, watch: Watch) -> Outcome:
        """Run trials until the study has all, is interrupted, or stops itself.

        Raises:
            InputError: another program runs the study; or the database cannot be used any more, for example
                because the disk is full.
        """
        with only_driver(self.spec.name, self.store.url):
            self.store.update(self.spec.name, self.spec)
            return self._run(make_runner, watch)

    def _run(self, make_runner: MakeRunner, watch: Watch) -> Outcome:
        spec = self.spec
        build = partial(objectives.build, spec.objective, self.prepared.corpus, (self.folder / "cache").resolve())
        interrupted = False
        reason = ""
        try:
            with explained(self.store.url):
                searcher = StudySearcher(
                    self.store.storage, spec.name, self.space, spec.search, self.rungs, spec.seed, watch
                )
                if searcher.unfinished:
                    make_runner(spec, self.folder / "ray").run(searcher, build, self.folder / "artifacts")
                reason = searcher.stop_reason
        except KeyboardInterrupt:
            interrupted = True
        except FieldError:
            if not self.store.load(spec.name).records:
                self.store.forget(spec.name)  # it never began, so its name is free for the corrected file
            raise
        except InputError as error:
            again = resume_command(spec.name, self.store.url, self.folder)
            raise InputError(f"{error} What was stored before is kept; go on with: {again}") from error
        return Outcome(self.store.load(spec.name), self.folder, interrupted, reason)


@contextmanager
def only_driver(name: str, url: str) -> Iterator[None]:
    """Keep a second program on this machine from running the same study; the lock goes with the process.

    Raises:
        InputError: another program has it.
    """
    path = lock_path(name, url)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout as error:
        raise InputError(
            f"The study {name!r} is being run by another mixtune on this machine. Wait for it, or stop it with Ctrl-C; "
            f"`mixtune status {name}` shows how far it is."
        ) from error


def prepare_launch(spec: StudySpec, runs: Path, *, with_ray: bool = False) -> Ready:
    """Check a new study and make it in its database; `with_ray`: see that its trials fit this machine, too.

    Raises:
        InputError: anything that would make the study fail, or its name is taken.
    """
    folder = runs / spec.name
    url = spec.storage or default_url(folder)
    if spec.storage is None and (folder / "study.db").exists() and spec.name in Store(url).names():
        raise InputError(taken(spec.name, url, folder))
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    ready = _ready(spec, folder, url, corpus, spec.search.trials)
    if with_ray and "RAY_ADDRESS" not in os.environ:
        _check_machine(spec)
    ready.store.create(spec, ready.prepared.corpus, ready.prepared.inputs, folder)
    return ready


def prepare_resume(name: str, runs: Path, storage: str | None = None, trials: int | None = None) -> Ready:
    """Check that an existing study can go on, and raise its number of trials where asked to.

    Raises:
        InputError: there is no such study, or its texts have changed.
    """
    store, study = find(name, runs, storage)
    spec = study.spec
    if trials is not None:
        if trials < len(study.records):
            raise InputError(
                f"--trials is the number of trials of the whole study, and {name!r} has {len(study.records)} already; "
                f"got {trials}. Give a larger number."
            )
        spec = spec.model_copy(update={"search": spec.search.model_copy(update={"trials": trials})})
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    before = {repr(text.name): text.sha256 for text in study.texts}
    _refuse_changes(name, _changes(before, {repr(text.name): text.sha256 for text in corpus.texts}))
    ready = _ready(spec, runs / name, store.url, corpus, spec.search.trials - len(study.records))
    if study.inputs:
        _refuse_changes(name, _changes(study.inputs, ready.prepared.inputs))
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


def _ready(spec: StudySpec, folder: Path, url: str, corpus: Corpus, trials: int) -> Ready:
    """Check everything that `trials` more trials need."""
    prepared = objectives.prepare(spec.objective, corpus, folder / "cache")
    space = Space(spec.space, prepared.corpus, prepared.layout, prepared.rungs[-1])
    if not space.distributions:
        raise InputError(
            "The space has nothing to search: every field of `space:` is fixed. Set space.texts.choose to subset, or "
            "give a list or a range for a field."
        )
    _check_disk(spec, prepared, folder, trials)
    return Ready(spec, folder, Store(url), prepared, space)


def _check_machine(spec: StudySpec) -> None:
    processors = os.cpu_count() or 1
    if spec.search.cpus > processors:
        raise FieldError(
            "search.cpus",
            f"a trial wants {spec.search.cpus:g} processors, and this machine has {processors}. Lower it.",
        )
    cards = _graphics_cards() if spec.search.gpus else 0
    if spec.search.gpus and spec.search.gpus > cards:
        raise FieldError(
            "search.gpus", f"a trial wants {spec.search.gpus:g} GPUs, and this machine has {cards}. Lower it."
        )


def _graphics_cards() -> int:
    import torch

    return torch.cuda.device_count()


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What differs between hashes by name, in words."""
    changes = [f"{name} is gone" for name in old if name not in new]
    changes += [f"{name} is new" for name in new if name not in old]
    changes += [f"{name} was changed" for name in old if name in new and old[name] != new[name]]
    return changes


def _refuse_changes(name: str, changes: list[str]) -> None:
    if changes:
        raise InputError(
            f"What the study {name!r} rests on has changed since it began, so new trials could not be compared with "
            f"old ones: {listed(changes)}. Restore it, or launch a new study under another name."
        )


def _check_disk(spec: StudySpec, prepared: Prepared, folder: Path, trials: int) -> None:
    """Room for the largest adapter of every trial, and some for the database."""
    rank = spec.space.lora.rank
    highest = rank.high if isinstance(rank, IntRange | FloatRange) else max(options(rank))
    needed = trials * (prepared.adapter_bytes * highest + _BYTES_PER_TRIAL)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"The study may write up to {needed / 1e6:,.0f} MB ({trials} adapters of rank {highest}), but "
            f"the disk of {str(folder)!r} has {free / 1e6:,.0f} MB left. Free space, choose another folder with "
            "--runs, or lower search.trials or space.lora.rank."
        )


_BYTES_PER_TRIAL = 200_000
"""Rows of the database, provenance and Ray's records."""
