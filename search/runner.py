"""What runs trials: the contract, and the runner for one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from objectives.base import Objective, Rung
from search.searcher import Assignment, Decision, StudySearcher

ObjectiveFactory = Callable[[], Objective]
"""Builds the objective in the process that runs trials; must pickle."""


class Runner(Protocol):
    """Runs trials until the searcher has none left, or until it is interrupted."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Path) -> None:
        """Run trials; the searcher hears of every rung and every failure, and decides.

        Args:
            searcher: gives trials and takes results.
            objective: builds what evaluates a trial.
            artifacts: folder in which each trial gets a working folder of its own.

        Raises:
            KeyboardInterrupt: the user stopped it; trials under way stay open in the database.
        """
        ...


def workdir(artifacts: Path, number: int) -> Path:
    """The working folder of a trial."""
    return artifacts / f"trial-{number:04d}"


def reason(error: BaseException) -> str:
    """One line that says why a trial failed."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _in_folder(objective: Objective, assignment: Assignment, folder: Path) -> Iterator[Rung]:
    folder.mkdir(parents=True, exist_ok=True)
    yield from objective.evaluate(assignment.config, folder)


class LocalRunner:
    """One trial after the other in this process: for tests and for debugging."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Path) -> None:
        built = objective()
        while (assignment := searcher.ask()) is not None:
            self._trial(searcher, built, assignment, workdir(artifacts, assignment.number))

    def _trial(self, searcher: StudySearcher, objective: Objective, assignment: Assignment, folder: Path) -> None:
        rungs = _in_folder(objective, assignment, folder)
        with closing(rungs):  # type: ignore[type-var]  # an iterator of a generator function can be closed
            while True:
                try:
                    rung = next(rungs, None)
                except Exception as error:  # noqa: BLE001  whatever a trial raises is recorded, and the study goes on
                    searcher.fail(assignment.number, reason(error))
                    return
                if rung is None:
                    searcher.fail(assignment.number, "The trial ended before its last rung.")
                    return
                if searcher.report(assignment.number, rung) is Decision.STOP:
                    return
