"""Objectives that Ray's workers import: they tell where they ran, fail when told to, or kill their process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from objectives.base import Objective, Rung
from search.runner import ObjectiveFactory
from spaces import MixtuneError, TrialConfig


@dataclass
class Traced:
    """Runs the inner objective; writes its process and how many trials that process has begun."""

    inner: Objective
    failing: frozenset[int]
    dying: frozenset[int]
    begun: int = 0

    @property
    def rungs(self) -> tuple[int, ...]:
        return self.inner.rungs

    def evaluate(self, trial: TrialConfig, workdir: Path) -> Iterator[Rung]:
        self.begun += 1
        (workdir / "trace").write_text(f"{os.getpid()} {self.begun}", encoding="utf-8")
        number = int(workdir.name.rsplit("-", 1)[-1])
        for rung in self.inner.evaluate(trial, workdir):
            if rung.index == 1 and number in self.failing:
                raise MixtuneError(f"trial {number} was told to fail")
            if rung.index == 1 and number in self.dying:
                os.kill(os.getpid(), signal.SIGKILL)
            yield rung


@dataclass(frozen=True)
class TracedFactory:
    """Builds a `Traced` in the process that runs trials."""

    build: ObjectiveFactory
    failing: frozenset[int] = frozenset()
    dying: frozenset[int] = frozenset()

    def __call__(self) -> Objective:
        return Traced(self.build(), self.failing, self.dying)
