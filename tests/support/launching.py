"""Studies that tests launch without Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from objectives.base import Objective, Rung
from search.artifacts import Artifacts
from search.assignment import ObjectiveFactory
from search.runner import LocalRunner, Runner
from search.searcher import StudySearcher
from spaces import TrialConfig
from spaces.trial import Split
from studies.run.execution import Outcome
from studies.run.launch import prepare_launch
from studies.spec import StudySpec


def spec_for(library: Path, **fields: Any) -> StudySpec:
    objective = {"kind": "synthetic", "effects": {"alpha": 0.3}, "noise": 0.01, **fields.pop("objective", {})}
    return StudySpec.model_validate(
        {
            "name": "small",
            "space": {"texts": {"folder": str(library)}, "learning_rate": {"low": 1e-4, "high": 1e-2}},
            "objective": objective,
            **fields,
            "search": {"sampler": "tpe", "confirm": {"best": 0}, **fields.get("search", {"trials": 8})},
        }
    )


def local(_spec: StudySpec, _scratch: Path) -> Runner:
    return LocalRunner()


class Interrupted:
    """A runner that is stopped with Ctrl-C after so many rungs."""

    def __init__(self, rungs: int) -> None:
        self._rungs = rungs

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        LocalRunner().run(searcher, lambda: _Stopping(objective(), self._rungs), artifacts)


class _Stopping:
    def __init__(self, inner: Objective, left: int) -> None:
        self._inner = inner
        self._left = left

    @property
    def rungs(self) -> tuple[int, ...]:
        return self._inner.rungs

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        for rung in self._inner.evaluate(trial, workdir, split):
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
            yield rung


def launch(library: Path, runs: Path, **fields: Any) -> Outcome:
    return prepare_launch(spec_for(library, **fields), runs).run(local, lambda _: None)
