"""Launching and resuming a study: check everything, then wire space, objective, searcher and runner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path

from optuna.trial import TrialState

import objectives
from objectives.base import Prepared
from search.arms import Planner
from search.artifacts import Artifacts
from search.confirmation import Confirmation
from search.drivers import LeasedDriver
from search.events import ConfirmationBegun, Event
from search.runner import Runner
from search.searcher import StudySearcher
from search.spec import SearchSpec
from spaces import Corpus, FieldError, InputError, Space, scan
from spaces.corpus import reading_notes
from studies.changes import refuse_changed_file
from studies.checks import (
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
from studies.confirmation import confirming_runs, runs_of
from studies.finding import find
from studies.places import default_url, remember_url, resume_command, taken
from studies.progress import duration
from studies.spec import StudySpec
from studies.store import Store, explained
from studies.stored import StoredStudy

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
        before = self.store.load(self.spec.name)
        number = self.store.number(self.spec.name)
        try:
            with explained(self.store.url):
                driver = self.store.lease(self.spec.name)
                hours = Hours(self.spec.search.hours)
                with driver.present():
                    self.store.update(self.spec.name, self.spec)
                    try:
                        ending, reason = self._search(make_runner, watch, driver, hours)
                    except FieldError:
                        self._forget_where_unbegun(driver)
                        raise
                    if ending is Ending.FINISHED:
                        ending, reason = self._confirm(make_runner, watch, driver, hours)
        except KeyboardInterrupt:
            return Outcome(self._after_interrupt(number, before), self.folder, Ending.INTERRUPTED, "")
        return Outcome(self.store.load(self.store.name_now(number)), self.folder, ending, reason)

    def _after_interrupt(self, number: int, before: StoredStudy) -> StoredStudy:
        """The study as it is stored; as it was before the run, where its database cannot be reached."""
        try:
            return self.store.load(self.store.name_now(number))
        except InputError:
            return before

    def _forget_where_unbegun(self, driver: LeasedDriver) -> None:
        """Free the name of a study that this launch has made and that nobody has begun, for the corrected file."""
        if self.new and not driver.others() and not self.store.load(self.spec.name).records:
            self.store.forget(self.spec.name)

    def _search(self, make_runner: MakeRunner, watch: Watch, driver: LeasedDriver, hours: Hours) -> tuple[Ending, str]:
        """Run the trials of the search."""
        return self._run(make_runner, watch, driver, hours, self.spec.name, self.spec.search)

    def _confirm(self, make_runner: MakeRunner, watch: Watch, driver: LeasedDriver, hours: Hours) -> tuple[Ending, str]:
        """Run the best configurations and the baselines on the questions that the search never saw."""
        study = self.store.load(self.spec.name)
        failed = [record.config for record in study.confirmation if record.state is TrialState.FAIL]
        runs = Confirmation(runs_of(study), failed)
        missing = runs.missing(record.config for record in study.confirmation)
        left = len(missing) + sum(not record.state.is_finished() for record in study.confirmation)
        if not left or study.ended(TrialState.RUNNING):  # another driver still runs trials, and will confirm
            return Ending.FINISHED, ""
        watch(ConfirmationBegun(left))
        name = self.store.begin_confirmation(self.spec.name)
        trials = len(study.confirmation) + len(missing)
        search = self.spec.search.model_copy(
            update={"trials": trials, "sampler": "random", "pruner": "none", "second": None}
        )
        return self._run(make_runner, watch, driver, hours, name, search, runs)

    def _run(
        self,
        make_runner: MakeRunner,
        watch: Watch,
        driver: LeasedDriver,
        hours: Hours,
        name: str,
        search: SearchSpec,
        planner: Planner | None = None,
    ) -> tuple[Ending, str]:
        spec = self.spec
        build = partial(objectives.build, spec.objective, self.prepared.corpus, (self.folder / "cache").resolve())
        search = search.model_copy(update={"hours": hours.left})
        try:
            with explained(self.store.url):
                searcher = StudySearcher(
                    self.store.storage, name, self.space, search, self.rungs, spec.seed, watch, driver, planner
                )
                if searcher.unfinished:
                    runner = make_runner(spec, self.folder / "ray")
                    place = artifacts_of(self.store.load(spec.name), self.folder, confirmation=planner is not None)
                    runner.run(searcher, build, place)
        except FieldError:
            raise
        except InputError as error:
            again = resume_command(spec.name, self.store.url, self.folder)
            raise InputError(f"{error} What was stored before is kept; go on with: {again}", code=error.code) from error
        if searcher.stop_reason:
            return Ending.FAILING, searcher.stop_reason
        if searcher.out_of_time and searcher.unfinished and spec.search.hours is not None:
            return Ending.OUT_OF_TIME, f"its time, {duration(3600 * spec.search.hours)} (search.hours), is over."
        return Ending.FINISHED, ""


class Hours:
    """The time of one launch or resume, shared by the search and its confirmation."""

    def __init__(self, hours: float | None) -> None:
        """Start counting; None: without end."""
        self._ends = time.monotonic() + hours * 3600 if hours is not None else None

    @property
    def left(self) -> float | None:
        """Hours from now; a moment at least."""
        return max(1e-6, (self._ends - time.monotonic()) / 3600) if self._ends is not None else None


def artifacts_of(study: StoredStudy, folder: Path, *, confirmation: bool = False) -> Artifacts:
    """Where the trials of a study keep their files: a place of its own, whatever else lies there.

    A study that is launched anew under an old name must not go on from the old one's trials.
    """
    place = study.spec.artifacts or str((folder / "artifacts").resolve())
    name = f"{study.begun_as}-{study.id}" if study.spec.artifacts else study.id
    return Artifacts(f"{place.rstrip('/')}/{name}{'/confirmation' if confirmation else ''}")


def prepare_launch(spec: StudySpec, runs: Path, *, with_ray: bool = False) -> Ready:
    """Check a new study and make it in its database; `with_ray`: see that its trials fit this machine, too.

    Raises:
        InputError: anything that would make the study fail, or its name is taken.
    """
    folder = runs / spec.name
    url = spec.storage or default_url(folder)
    if spec.storage is not None or (folder / "study.db").exists():
        store = Store(url)
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
    return Ready(spec, folder, Store(url), prepared, space)


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
