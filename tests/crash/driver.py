"""The program that is killed: it launches the study of a folder or goes on with it, and tells what it has stored.

Usage: python -m tests.crash.driver FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from search.artifacts import Artifacts
from search.assignment import ObjectiveFactory
from search.events import Event, RungReported, TrialFinished
from search.ray.runner import RayRunner
from search.searcher import StudySearcher
from studies.run.execution import Ending
from studies.run.interrupts import stoppable
from studies.run.launch import prepare_launch, prepare_resume
from studies.spec import read_study
from studies.storage.store import open_store
from tests.support.traced import TracedFactory, append

ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True)
class Tracing:
    """Ray, its own or that of RAY_ADDRESS, with an objective that writes down what it does."""

    scratch: Path
    workers: int

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        runner = RayRunner(self.scratch, workers=self.workers, address=os.environ.get("RAY_ADDRESS"))
        runner.run(searcher, TracedFactory(objective), artifacts)


def run(folder: Path) -> Ending:
    spec = read_study(folder / "study.yaml")
    runs = folder / "runs"
    begun = open_store(spec.storage or "").is_launched(spec.name)
    ready = prepare_resume(spec.name, runs, spec.storage) if begun else prepare_launch(spec, runs)

    def acknowledge(event: Event) -> None:
        """Record what was reported to the user: it must never be lost."""
        if isinstance(event, RungReported):
            append(folder / ACKNOWLEDGED, json.dumps(["rung", event.number, event.rung.index, event.rung.score]))
        elif isinstance(event, TrialFinished):
            append(folder / ACKNOWLEDGED, json.dumps(["end", event.number, event.state.name]))

    with stoppable(""):
        return ready.run(lambda spec, scratch: Tracing(scratch, spec.search.workers or 2), acknowledge).ending


if __name__ == "__main__":
    sys.exit({Ending.FINISHED: 0, Ending.INTERRUPTED: 3}.get(run(Path(sys.argv[1])), 1))
