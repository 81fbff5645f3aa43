"""One run of a study: its search, then its confirmation, under one lease and one deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import TrialState

import objectives
from search.confirmation import missing
from search.deadline import Deadline
from search.events import ConfirmationBegun, Event
from search.listeners import listening
from search.opening import open_confirmation, open_search
from search.runner import Runner
from search.searcher import StudySearcher
from search.storage.leases import LeasedDriver
from spaces import FieldError, InputError
from studies.analysis.confirmation import runs_of
from studies.analysis.stopping import TextsDecided, early_sentence, stopped_early
from studies.analysis.units import duration
from studies.run.status import Status, status_of
from studies.run.text_changes import with_changes
from studies.spec import StudySpec
from studies.storage.artifacts import artifacts_of
from studies.storage.places import resume_command
from studies.storage.store import stored_texts
from studies.storage.stored import StoredStudy

if TYPE_CHECKING:
    from studies.run.launch import Ready

Watch = Callable[[Event], None]
MakeRunner = Callable[[StudySpec, Path], Runner]
"""Function of a specification and a scratch folder that returns the runner of its trials."""


class Ending(Enum):
    """Why a run of a study ended."""

    FINISHED = "every trial has ended"
    DECIDED = "every text is decided"
    INTERRUPTED = "a signal"
    OUT_OF_TIME = "the hours of the run are over"
    FAILING = "too many trials failed for the same reason"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a study ended."""

    ending: Ending
    reason: str
    """Why it stopped before every trial had ended, in words; empty if it did not, or if the user stopped it."""
    study: StoredStudy = field(repr=False)
    """The study as it was stored at the end."""
    folder: Path = field(repr=False)
    """The study's folder."""

    @property
    def status(self) -> Status:
        """How far the study was at the end."""
        return status_of(self.study, ())


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
                with driver.lease(), listening(self.ready.spec.search.listeners, name, folder) as notify:
                    ending, reason = self._with_listener(notify).search_and_confirm(driver)
        except KeyboardInterrupt:
            return Outcome(Ending.INTERRUPTED, "", self._after_interrupt(number, before), folder)
        return Outcome(ending, reason, store.load(store.name_now(number)), folder)

    def _with_listener(self, notify: Watch) -> Run:
        """Return the same run with events sent to the listeners first: the terminal's watcher may end the program."""

        def both(event: Event) -> None:
            notify(event)
            self.watch(event)

        return replace(self, watch=both)

    def search_and_confirm(self, driver: LeasedDriver) -> tuple[Ending, str]:
        """Run the trials of the search, then the confirmation."""
        self.ready.store.update(self.ready.spec.name, self.ready.spec)
        self._update_texts()
        try:
            ending, reason = self._search(driver)
        except FieldError:
            self._forget_if_not_started(driver)
            raise
        if ending is Ending.FINISHED:
            ending, reason = self._confirm(driver)
        return self._at_the_end() if ending is Ending.FINISHED else (ending, reason)

    def _at_the_end(self) -> tuple[Ending, str]:
        """Say whether the study needed all of its trials."""
        study = self.ready.store.load(self.ready.spec.name)
        return (Ending.DECIDED, early_sentence(study)) if stopped_early(study) else (Ending.FINISHED, "")

    def _update_texts(self) -> None:
        """Store which texts came and went since the last run."""
        store, name = self.ready.store, self.ready.spec.name
        study = store.load(name)
        texts = with_changes(study.texts, stored_texts(self.ready.prepared), len(study.records))
        if texts != study.texts:
            store.update_texts(name, texts)

    def _after_interrupt(self, number: int, before: StoredStudy) -> StoredStudy:
        """Return the study as stored, or as before the run if its database cannot be reached."""
        try:
            return self.ready.store.load(self.ready.store.name_now(number))
        except InputError:
            return before

    def _forget_if_not_started(self, driver: LeasedDriver) -> None:
        """Remove a study that this launch created and that has no trials, so that a corrected file can use its name."""
        store, name = self.ready.store, self.ready.spec.name
        if self.ready.new and not driver.others() and not store.load(name).records:
            store.forget(name)

    def _search(self, driver: LeasedDriver) -> tuple[Ending, str]:
        """Run the trials of the search."""
        ready, spec = self.ready, self.ready.spec
        texts = [text.name for text in ready.prepared.corpus.texts]
        decided = TextsDecided(spec.space.texts.kind, texts, spec.search)

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
                decided=decided,
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
        if not unfinished or study.ended(TrialState.RUNNING):  # another driver still runs trials and will confirm
            return Ending.FINISHED, ""
        name = ready.store.begin_confirmation(spec.name)
        self.watch(ConfirmationBegun(unfinished))

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
            raise InputError(f"{error} Stored results are kept; resume with: {again}", code=error.code) from error
        if searcher.stop_reason:
            return Ending.FAILING, searcher.stop_reason
        if searcher.out_of_time and searcher.unfinished and spec.search.timeout_hours is not None:
            return (
                Ending.OUT_OF_TIME,
                f"its time, {duration(3600 * spec.search.timeout_hours)} (search.timeout_hours), is over.",
            )
        return Ending.FINISHED, ""
