"""Launching and resuming a study: check everything, then connect space, objective, searcher and runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import objectives
from objectives.base import Prepared
from search.artifacts import Artifacts
from search.deadline import Deadline
from search.singles import refuse_single_texts
from spaces import Corpus, InputError, Space, scan
from spaces.corpus import reading_notes
from spaces.functions import UserFunction
from studies.analysis.confirmation import confirming_runs
from studies.run.changes import refuse_changed_file
from studies.run.checks import (
    check_disk,
    check_listeners,
    check_precision,
    check_prior,
    check_secondary_objective,
    check_stages,
    check_stop,
    comparable_inputs,
    rating_notes,
    refuse_changed_content,
    refuse_former_bos,
    repetition_notes,
)
from studies.run.execution import MakeRunner, Outcome, Run, Watch
from studies.run.text_changes import text_changes
from studies.spec import StudySpec, bound
from studies.storage.finding import Found, find
from studies.storage.places import default_url, remember_url, resume_command, taken
from studies.storage.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Ready:
    """A study that has passed every check and is ready to run."""

    spec: StudySpec
    folder: Path
    store: Store
    prepared: Prepared
    space: Space
    new: bool = False
    """Whether this launch created the study."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the user should read before the study starts."""
        reading = (f"{name[0].upper()}{name[1:]}: {choice}." for name, choice in self.prepared.reading.items())
        notes = [*reading_notes(self.prepared.corpus), *reading, *self.prepared.notes]
        if self.spec.search.confirm.best and self.prepared.holdout is None:
            notes.append("No questions are held out from the search, so the best configurations are not confirmed.")
        return (*notes, *repetition_notes(self.spec, self.prepared), *rating_notes(self.spec, self.space))

    @property
    def rungs(self) -> tuple[int, ...]:
        """Cumulative tokens at which every trial reports."""
        return self.prepared.rungs

    def run(self, make_runner: MakeRunner, watch: Watch) -> Outcome:
        """Run trials until the study is complete, is interrupted, or stops by itself.

        Raises:
            InputError: another program runs the study, or the database can no longer be used, for example
                because the disk is full.
        """
        return Run(self, make_runner, watch, Deadline(self.spec.search.timeout_hours)).run()


def prepare_launch(spec: StudySpec, runs: Path) -> Ready:
    """Check a new study and create it in its database.

    Raises:
        InputError: the study would fail, or its name is taken.
    """
    folder = runs / spec.name
    url = spec.storage or default_url(folder)
    if spec.storage is not None or (folder / "study.db").exists():
        store = open_store(url)
        if store.is_launched(spec.name):
            store.lease(spec.name).refuse_taken()
            again = resume_command(spec.name, url, folder)
            refuse_changed_file(store.load(spec.name).spec, spec, again, allow=False)
            raise InputError(taken(spec.name, url, folder), code="name-taken")
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    ready = _ready(spec, folder, url, corpus, spec.search.trials)
    ready.store.create(spec, ready.prepared, folder)
    remember_url(folder, url)
    return replace(ready, new=True)


def prepare_resume(
    name: str,
    runs: Path,
    storage: str | None = None,
    trials: int | None = None,
    file: StudySpec | None = None,
    *,
    allow: bool = False,
    functions: Mapping[str, UserFunction] = MappingProxyType({}),
) -> Ready:
    """Check that an existing study can resume.

    Args:
        name: name of the study.
        runs: folder that contains the studies.
        storage: database URL, if the database is not in the study's folder.
        trials: new total number of trials.
        file: study file to resume with.
        allow: whether the file may differ in fields that leave scores comparable, and texts be added or removed.
        functions: the user's functions that the study calls, by import path.

    Raises:
        InputError: there is no such study, or its inputs have changed.
    """
    return resumable(find(name, runs, storage), trials, file, allow=allow, functions=functions)


def resumable(
    found: Found,
    trials: int | None = None,
    file: StudySpec | None = None,
    *,
    allow: bool = False,
    functions: Mapping[str, UserFunction] = MappingProxyType({}),
) -> Ready:
    """Check that a study that was found can resume; see `prepare_resume` for arguments and errors."""
    store, study, folder = found
    name = study.spec.name
    store.lease(name).refuse_taken()
    refuse_former_bos(study)
    spec = study.spec
    if file is not None:
        refuse_changed_file(spec, file, resume_command(name, store.url, folder), allow=allow)
        spec = file.model_copy(update={"name": spec.name, "storage": spec.storage})
    spec = _with_trials(bound(spec, functions), trials, len(study.records))
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    again = resume_command(name, store.url, folder)
    text_changes(study, corpus, again, store.lease(name).others(), allow=allow)
    ready = _ready(spec, folder, store.url, corpus, spec.search.trials - len(study.records))
    if study.inputs:
        refuse_changed_content(name, study.inputs, comparable_inputs(study.inputs, ready.prepared.inputs))
    return ready


def _with_trials(spec: StudySpec, trials: int | None, done: int) -> StudySpec:
    if trials is None:
        return spec
    if trials < done:
        raise InputError(
            f"--trials is the total number of trials of the study, and {spec.name!r} already has {done}; got {trials}. "
            "Give a larger number.",
            code="trials-below-done",
        )
    return spec.model_copy(update={"search": spec.search.model_copy(update={"trials": trials})})


def _ready(spec: StudySpec, folder: Path, url: str, corpus: Corpus, trials: int) -> Ready:
    """Check everything that `trials` more trials need, and open the study's database."""
    prepared, space = checked(spec, folder, corpus, trials)
    return Ready(spec, folder, open_store(url), prepared, space)


def checked(spec: StudySpec, folder: Path, corpus: Corpus, trials: int) -> tuple[Prepared, Space]:
    """Check everything that `trials` more trials of a study need.

    Raises:
        InputError: the trials would fail.
    """
    prepared = objectives.prepare(spec.objective, corpus, folder / "cache")
    space = Space(spec.space, prepared.corpus, prepared.layout, prepared.rungs[-1])
    if not space.distributions:
        raise InputError(
            "The space has nothing to search: every field of `space:` is fixed. Set space.texts.choose to subset, "
            "weights or one, or give a list or a range for a field.",
            code="nothing-to-search",
        )
    if spec.search.single_texts:
        refuse_single_texts(space)
    check_listeners(spec)
    check_secondary_objective(spec, prepared)
    check_prior(spec, corpus)
    check_precision(spec, space)
    check_stages(spec, space)
    check_stop(spec, space)
    check_disk(space, folder, trials + confirming_runs(spec, prepared))
    if spec.artifacts is not None:
        Artifacts(spec.artifacts).check()
    return prepared, space
