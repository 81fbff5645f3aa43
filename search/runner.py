"""What runs trials: the contract, and the runner for one process."""

from __future__ import annotations

from contextlib import closing
from typing import Protocol

from objectives.base import Objective
from search.artifacts import Artifacts
from search.assignment import NO_LAST_RUNG, Assignment, ObjectiveFactory, reason, rungs_of
from search.searcher import Decision, StudySearcher
from spaces import InputError


class WorkerStartError(InputError):
    """A worker cannot import or build what trials need; the trial that it was to run is not spent."""

    code = "worker-unstartable"

    def __init__(self, cause: str) -> None:
        """Say what the worker met; `cause`: one line."""
        super().__init__(
            f"A worker cannot start: {cause} Trials run in processes of their own, on a cluster on other machines: "
            "install there what is missing. `--local` runs one trial after the other without them."
        )


class Runner(Protocol):
    """Runs trials until the searcher has none left, or until it is interrupted."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        """Run trials; the searcher hears of every rung and every failure, and decides.

        Args:
            searcher: gives trials and takes results.
            objective: builds what evaluates a trial.
            artifacts: where each trial has a working folder of its own.

        Raises:
            KeyboardInterrupt: the user stopped it; trials under way stay open in the database.
        """
        ...


class LocalRunner:
    """One trial after the other in this process: for tests and for debugging."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        searcher.when_ended(artifacts.cleanup)
        built = objective()
        while (assignment := searcher.ask()) is not None:
            self._trial(searcher, built, assignment, artifacts)

    def _trial(
        self, searcher: StudySearcher, objective: Objective, assignment: Assignment, artifacts: Artifacts
    ) -> None:
        number = assignment.number
        rungs = rungs_of(objective, assignment, artifacts)
        decision = Decision.GO_ON
        with closing(rungs):  # type: ignore[type-var]  # an iterator of a generator function can be closed
            while decision is Decision.GO_ON:
                try:
                    rung = next(rungs, None)
                except Exception as error:  # noqa: BLE001  whatever a trial raises is recorded, and the study goes on
                    searcher.fail(number, reason(error))
                    return
                if rung is None:
                    searcher.fail(number, NO_LAST_RUNG)
                    return
                decision = searcher.report(number, rung)
