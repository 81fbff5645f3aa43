"""Launching and resuming a study: check everything, then wire space, objective, searcher and runner."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path

from optuna.trial import TrialState

import objectives
from objectives.base import Prepared
from search.confirmation import missing
from search.deadline import Deadline
from search.events import ConfirmationBegun, Event
from search.opening import open_confirmation, open_search
from search.runner import Runner
from search.searcher import StudySearcher
from search.storage.artifacts import Artifacts
from search.storage.leases import LeasedDriver
from spaces import Corpus, FieldError, InputError, Space, scan
from spaces.corpus import reading_notes
from studies.analysis.confirmation import confirming_runs, runs_of
from studies.analysis.units import duration
from studies.run.changes import refuse_changed_file
from studies.run.checks import (
    check_disk,
    check_machine,
    check_precision,
    check_prior,
    check_second_goal,
    check_stages,
    comparable_inputs,
    rating_notes,
    refuse_changed_content,
    refuse_former_bos,
    repetition_notes,
)
from studies.spec import StudySpec
from studies.storage.artifacts import artifacts_of
from studies.storage.finding import find
from studies.storage.places import default_url, remember_url, resume_command, taken
from studies.storage.store import Store, open_store
from studies.storage.stored import StoredStudy

Watch = Callable[[Event], None]
MakeRunner = Callable[[StudySpec, Path], Runner]
"""From a specification and a scratch folder to what runs its trials."""


class Ending(Enum):
    """Why a run of a study ended."""

    FINISHED = "no trial is left to begin"
    INTERRUPTED = "a signal"
    OUT_OF_TIME = "the hours of the run are over"
    FAILING = "too many trials failed for the same reason"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a study ended."""

    study: StoredStudy
    folder: Path
    ending: Ending
    reason: str
    """In words, where it stopped of itself."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A study that has passed every check, before any compute."""

    spec: StudySpec
    folder: Path
    store: Store
    prepared: Prepared
    space: Space
    new: bool = False
    """Whether this launch has made the study."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know before the study starts."""
        reading = (f"{name[0].upper()}{name[1:]}: {choice}." for name, choice in self.prepared.reading.items())
        notes = [*reading_notes(self.prepared.corpus), *reading, *self.prepared.notes]
        if self.spec.search.confirm.best and self.prepared.holdout is None:
            notes.append("Nothing is kept from the search (holdout: 0), so its best configurations are not confirmed.")
        return (*notes, *repetition_notes(self.spec, self.prepared), *rating_notes(self.spec, self.space))

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
        return Run(self, make_runner, watch, Deadline(self.spec.search.hours)).run()


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a study: its search, then its confirmation."""

    ready: Ready
    make_runner: MakeRunner
    watch: Watch
    deadline: Deadline

    def run(self) -> Outcome:
        store, name, folder = self.ready.store, self.ready.spec.name, self.ready.folder
        before = store.load(name)
        number = store.number(name)
        try:
            with store.database.explained():
                driver = store.lease(name)
                with driver.present():
                    ending, reason = self._search_and_confirm(driver)
        except KeyboardInterrupt:
            return Outcome(self._after_interrupt(number, before), folder, Ending.INTERRUPTED, "")
        return Outcome(store.load(store.name_now(number)), folder, ending, reason)

    def _search_and_confirm(self, driver: LeasedDriver) -> tuple[Ending, str]:
        self.ready.store.update(self.ready.spec.name, self.ready.spec)
        try:
            ending, reason = self._search(driver)
        except FieldError:
            self._forget_where_unbegun(driver)
            raise
        return self._confirm(driver) if ending is Ending.FINISHED else (ending, reason)

    def _after_interrupt(self, number: int, before: StoredStudy) -> StoredStudy:
        """The study as it is stored; as it was before the run, where its database cannot be reached."""
        try:
            return self.ready.store.load(self.ready.store.name_now(number))
        except InputError:
            return before

    def _forget_where_unbegun(self, driver: LeasedDriver) -> None:
        """Free the name of a study that this launch has made and that nobody has begun, for the corrected file."""
        store, name = self.ready.store, self.ready.spec.name
        if self.ready.new and not driver.others() and not store.load(name).records:
            store.forget(name)

    def _search(self, driver: LeasedDriver) -> tuple[Ending, str]:
        """Run the trials of the search."""
        ready, spec = self.ready, self.ready.spec

        def searcher() -> StudySearcher:
            return open_search(
                ready.store.storage,
                spec.name,
                ready.space,
                spec.search,
                ready.rungs,
                spec.seed,
                self.watch,
                driver,
                deadline=self.deadline,
            )

        return self._run_trials(searcher, confirmation=False)

    def _confirm(self, driver: LeasedDriver) -> tuple[Ending, str]:
        """Run the best configurations and the baselines on the questions that the search never saw."""
        ready, spec = self.ready, self.ready.spec
        study = ready.store.load(spec.name)
        runs = runs_of(study)
        failed = [record.config for record in study.confirmation if record.state is TrialState.FAIL]
        left = missing(runs, (record.config for record in study.confirmation), failed)
        unfinished = len(left) + sum(not record.state.is_finished() for record in study.confirmation)
        if not unfinished or study.ended(TrialState.RUNNING):  # another driver still runs trials, and will confirm
            return Ending.FINISHED, ""
        self.watch(ConfirmationBegun(unfinished))
        name = ready.store.begin_confirmation(spec.name)

        def searcher() -> StudySearcher:
            return open_confirmation(
                ready.store.storage,
                name,
                runs,
                failed,
                spec.search,
                ready.rungs,
                self.watch,
                driver,
                self.deadline,
            )

        return self._run_trials(searcher, confirmation=True)

    def _run_trials(self, make_searcher: Callable[[], StudySearcher], *, confirmation: bool) -> tuple[Ending, str]:
        spec, store, folder = self.ready.spec, self.ready.store, self.ready.folder
        cache = (folder / "cache").resolve()
        build = partial(objectives.build, spec.objective, self.ready.prepared.corpus, cache)
        try:
            with store.database.explained():
                searcher = make_searcher()
                if searcher.unfinished:
                    runner = self.make_runner(spec, folder / "ray")
                    runner.run(searcher, build, artifacts_of(store.load(spec.name), folder, confirmation=confirmation))
        except FieldError:
            raise
        except InputError as error:
            again = resume_command(spec.name, store.url, folder)
            raise InputError(f"{error} What was stored before is kept; go on with: {again}", code=error.code) from error
        if searcher.stop_reason:
            return Ending.FAILING, searcher.stop_reason
        if searcher.out_of_time and searcher.unfinished and spec.search.hours is not None:
            return Ending.OUT_OF_TIME, f"its time, {duration(3600 * spec.search.hours)} (search.hours), is over."
        return Ending.FINISHED, ""


def prepare_launch(spec: StudySpec, runs: Path, *, with_ray: bool = False) -> Ready:
    """Check a new study and make it in its database; `with_ray`: see that its trials fit this machine, too.

    Raises:
        InputError: anything that would make the study fail, or its name is taken.
    """
    folder = runs / spec.name
    url = spec.storage or default_url(folder)
    if spec.storage is not None or (folder / "study.db").exists():
        store = open_store(url)
        if store.begun(spec.name):
            store.lease(spec.name).refuse_taken()
            again = resume_command(spec.name, url, folder)
            refuse_changed_file(store.load(spec.name).spec, spec, again, allow=False)
            raise InputError(taken(spec.name, url, folder), code="name-taken")
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    ready = _ready(spec, folder, url, corpus, spec.search.trials)
    if with_ray and spec.search.ray.address is None and "RAY_ADDRESS" not in os.environ:
        check_machine(spec)
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
) -> Ready:
    """Check that an existing study can go on.

    Args:
        name: of the study.
        runs: folder that holds the studies.
        storage: database URL, where it is not in the study's folder.
        trials: new number of trials.
        file: study file to go on with.
        allow: whether the file may differ in what leaves scores comparable.

    Raises:
        InputError: there is no such study, or what it rests on has changed.
    """
    store, study, folder = find(name, runs, storage)
    store.lease(name).refuse_taken()
    refuse_former_bos(study)
    spec = study.spec
    if file is not None:
        refuse_changed_file(spec, file, resume_command(name, store.url, folder), allow=allow)
        spec = file.model_copy(update={"name": spec.name, "storage": spec.storage})
    if trials is not None:
        if trials < len(study.records):
            raise InputError(
                f"--trials is the number of trials of the whole study, and {name!r} has {len(study.records)} already; "
                f"got {trials}. Give a larger number.",
                code="trials-below-done",
            )
        spec = spec.model_copy(update={"search": spec.search.model_copy(update={"trials": trials})})
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    before = {repr(text.name): text.sha256 for text in study.texts}
    refuse_changed_content(name, before, {repr(text.name): text.sha256 for text in corpus.texts})
    ready = _ready(spec, folder, store.url, corpus, spec.search.trials - len(study.records))
    if study.inputs:
        refuse_changed_content(name, study.inputs, comparable_inputs(study.inputs, ready.prepared.inputs))
    return ready


def _ready(spec: StudySpec, folder: Path, url: str, corpus: Corpus, trials: int) -> Ready:
    """Check everything that `trials` more trials need."""
    prepared, space = checked(spec, folder, corpus, trials)
    return Ready(spec, folder, open_store(url), prepared, space)


def checked(spec: StudySpec, folder: Path, corpus: Corpus, trials: int) -> tuple[Prepared, Space]:
    """What `trials` more trials of a study rest on.

    Raises:
        InputError: anything that would make them fail.
    """
    prepared = objectives.prepare(spec.objective, corpus, folder / "cache")
    space = Space(spec.space, prepared.corpus, prepared.layout, prepared.rungs[-1])
    if not space.distributions:
        raise InputError(
            "The space has nothing to search: every field of `space:` is fixed. Set space.texts.choose to subset, "
            "weights or one, or give a list or a range for a field.",
            code="nothing-to-search",
        )
    check_second_goal(spec, prepared)
    check_prior(spec, corpus)
    check_precision(spec, space)
    check_stages(spec, space)
    check_disk(space, folder, trials + confirming_runs(spec, prepared))
    if spec.artifacts is not None:
        Artifacts(spec.artifacts).check()
    return prepared, space
