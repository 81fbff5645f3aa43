"""Runners of trials: the contract, and the runner for a single process."""

from __future__ import annotations

from contextlib import closing
from typing import Protocol

from objectives.base import Objective
from search.artifacts import Artifacts
from search.assignment import NO_LAST_RUNG, Assignment, ObjectiveFactory, reason, rungs_of
from search.searcher import Decision, StudySearcher
from spaces import InputError


class WorkerStartError(InputError):
    """A worker cannot import or build what trials need; its trial stays open and is not counted as failed."""

    code = "worker-unstartable"

    def __init__(self, cause: str) -> None:
        """Build the message from the cause, which is one line."""
        super().__init__(
            f"A worker cannot start: {cause} Trials run in separate processes, on a cluster on other machines: install "
            "there what is missing. `--local` runs one trial after the other without workers."
        )


class Runner(Protocol):
    """Runs trials until the searcher has none left, or until it is interrupted."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        """Run trials, and report every rung and every failure to the searcher, which decides what happens next.

        Args:
            searcher: source of trials, which takes their results.
            objective: function that builds the objective of the trials.
            artifacts: storage for the working folders of the trials.

        Raises:
            KeyboardInterrupt: the user stopped the run; running trials stay open in the database.
        """
        ...


class LocalRunner:
    """Runner of one trial after the other in this process, for tests and debugging."""

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        searcher.when_ended(artifacts.cleanup)
        evaluator = objective()
        while (assignment := searcher.ask()) is not None:
            self._run_trial(searcher, evaluator, assignment, artifacts)

    def _run_trial(
        self, searcher: StudySearcher, objective: Objective, assignment: Assignment, artifacts: Artifacts
    ) -> None:
        number = assignment.number
        rungs = rungs_of(objective, assignment, artifacts)
        decision = Decision.GO_ON
        with closing(rungs):  # type: ignore[type-var]  # an iterator of a generator function can be closed
            while decision is Decision.GO_ON:
                try:
                    rung = next(rungs, None)
                except Exception as error:  # noqa: BLE001  any error of a trial is recorded, and the study continues
                    searcher.fail(number, reason(error))
                    return
                if rung is None:
                    searcher.fail(number, NO_LAST_RUNG)
                    return
                decision = searcher.report(number, rung)
