"""What runs trials: the contract, and the runner for one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Protocol

from objectives.base import Objective, Rung
from search.searcher import Assignment, Decision, StudySearcher
from search.storage.artifacts import Artifacts
from spaces import InputError

ObjectiveFactory = Callable[[], Objective]
"""Builds the objective in the process that runs trials; must pickle."""


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


def reason(error: BaseException) -> str:
    """One line that says why a trial failed."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def rungs_of(objective: Objective, assignment: Assignment, artifacts: Artifacts) -> Iterator[Rung]:
    """Run a trial in its working folder; what lies there is safe before each rung is told."""
    with artifacts.working(assignment.number) as folder:
        for rung in objective.evaluate(assignment.config, folder, assignment.split):
            artifacts.keep(assignment.number, folder)
            yield rung


class LocalRunner:
    """One trial after the other in this process: for tests and for debugging."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        searcher.when_ended(artifacts.settle)
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


NO_LAST_RUNG = "The trial ended before its last rung."
