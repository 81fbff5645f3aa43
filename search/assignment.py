"""Trials as workers run them; workers import nothing else from the search, so that they start quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from objectives.base import Objective, Rung
from search.artifacts import Artifacts
from spaces import TrialConfig
from spaces.trial import Split

ObjectiveFactory = Callable[[], Objective]
"""Function that builds the objective in the process that runs trials; it must be picklable."""
NO_LAST_RUNG = "The trial ended before its last rung."


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial to run."""

    number: int
    config: TrialConfig
    split: Split
    """Split of the questions that the trial is scored on."""


def reason(error: BaseException) -> str:
    """Return the reason why a trial failed, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def rungs_of(objective: Objective, assignment: Assignment, artifacts: Artifacts) -> Iterator[Rung]:
    """Run a trial in its working folder and yield its rungs; the folder is stored before each rung is yielded."""
    with artifacts.working(assignment.number) as folder:
        for rung in objective.evaluate(assignment.config, folder, assignment.split):
            artifacts.keep(assignment.number, folder)
            yield rung
