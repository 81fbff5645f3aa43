"""Objectives that Ray's workers import: they tell where they ran, fail when told to, or kill their process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ray

from objectives.base import Objective, Rung
from search.assignment import ObjectiveFactory
from spaces import MixtuneError, TrialConfig
from spaces.trial import Split

_PATIENCE = 120
"""Seconds."""


@dataclass
class Traced:
    """Runs the inner objective; for each visit of a trial it writes its process, how many trials that process has
    begun, its node and how many packages were sent to it, and for each rung that it tells the rung's number.
    """

    inner: Objective
    failing: frozenset[int]
    dying: frozenset[int]
    deadly: frozenset[int]
    hungry: frozenset[int]
    begun: int = 0

    @property
    def rungs(self) -> tuple[int, ...]:
        return self.inner.rungs

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        self.begun += 1
        number = int(workdir.name.rsplit("-", 1)[-1])
        first = not (workdir / "visits").exists()
        append(workdir / "visits", f"{os.getpid()} {self.begun} {_node()} {_packages()}")
        for rung in self.inner.evaluate(trial, workdir, split):
            if rung.index == 1 and number in self.failing:
                raise MixtuneError(f"trial {number} was told to fail")
            if rung.index == 1 and (number in self.deadly or (first and number in self.dying)):
                if number in self.dying:
                    _wait_for_others(workdir.parent)
                os.kill(os.getpid(), signal.SIGKILL)
            if number in self.hungry:
                _eat()
            if number not in self.dying:
                self._wait_for_dying(workdir.parent)
            append(workdir / "told", str(rung.index))
            yield rung

    def _wait_for_dying(self, trials: Path) -> None:
        """Until no trial is between its first worker, which it killed, and its second."""
        late = time.monotonic() + _PATIENCE
        while any(_visits(trials / f"trial-{number:04d}") == 1 for number in self.dying):
            if time.monotonic() > late:
                raise MixtuneError(f"no worker took over within {_PATIENCE} s")
            time.sleep(0.05)


def _wait_for_others(trials: Path) -> None:
    """Until another process runs a trial, however late it started: so many workers there are."""
    late = time.monotonic() + _PATIENCE
    while len({line.split()[0] for line in _every_visit(trials)}) < 2:
        if time.monotonic() > late:
            raise MixtuneError(f"no other worker began within {_PATIENCE} s")
        time.sleep(0.05)


def _every_visit(trials: Path) -> list[str]:
    return [line for file in trials.glob("trial-*/visits") for line in file.read_text(encoding="utf-8").splitlines()]


def _visits(workdir: Path) -> int:
    file = workdir / "visits"
    return len(file.read_text(encoding="utf-8").splitlines()) if file.is_file() else 0


def _eat() -> None:
    """Take up to 6 GB, slowly enough for somebody to step in."""
    taken = []
    for _ in range(60):
        taken.append(bytearray(os.urandom(1 << 10) * (100 << 10)))
        time.sleep(0.05)


def _node() -> str:
    """The Ray node that this process belongs to."""
    return str(ray.get_runtime_context().get_node_id()) if ray.is_initialized() else "none"


def _packages() -> int:
    """How many packages were sent to this worker."""
    return len(ray.get_runtime_context().runtime_env.get("py_modules", ())) if ray.is_initialized() else 0


def append(file: Path, line: str) -> None:
    """Add a line to a file."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")


@dataclass(frozen=True)
class TracedFactory:
    """Builds a `Traced` in the process that runs trials."""

    build: ObjectiveFactory
    failing: frozenset[int] = frozenset()
    dying: frozenset[int] = frozenset()
    """Trials that kill their first worker; others tell no rung before these have another."""
    deadly: frozenset[int] = frozenset()
    """Trials that kill every worker."""
    hungry: frozenset[int] = frozenset()
    """Trials that take gigabytes of memory."""

    def __call__(self) -> Objective:
        return Traced(self.build(), self.failing, self.dying, self.deadly, self.hungry)
