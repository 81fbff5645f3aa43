"""A trial as a worker runs it; workers import nothing else of the search, so that they start soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from objectives.base import Objective, Rung
from search.artifacts import Artifacts
from spaces import TrialConfig
from spaces.trial import Split

ObjectiveFactory = Callable[[], Objective]
"""Builds the objective in the process that runs trials; must pickle."""
NO_LAST_RUNG = "The trial ended before its last rung."


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial to run."""

    number: int
    config: TrialConfig
    split: Split
    """The questions to score it on."""


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
