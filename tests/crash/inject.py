"""Injects faults into a running study and counts what they cost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
from optuna.trial import TrialState

from search.storage.records import TrialRecord
from studies.spec import StudySpec, read_study
from studies.storage.store import open_store
from tests.crash.driver import ACKNOWLEDGED
from tests.support.databases import NewDatabase

STUDY = """\
space:
  texts: {folder: library}
  learning_rate: {low: 1e-4, high: 1e-2}
  tuning: {rank: [4, 8]}
objective:
  kind: synthetic
  effects: {alpha: 0.3, beta: -0.2}
  noise: 0.02
  seconds: 0.1
search: {trials: 36, workers: 2, sampler: tpe, confirm: {best: 0}}
"""
_TEXTS = {"alpha": "ants and bees", "beta": "bread and cheese", "gamma": "rivers and hills"}
_PATIENCE = 180
_SIGTERM = "SIGTERM"
_VISITS = "runs/crash/artifacts/*/trial-*/visits"
_ENDINGS = {0, 3, -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM}
"""Exit statuses of the driver: its own two, and those of signals that met it before or after the run itself."""


@dataclass
class Tally:
    """Costs of the faults; every figure but the first two must be 0."""

    injections: int = 0
    studies: int = 0
    lost: int = 0
    """Rungs and ends that the program had told of and that are not in the database."""
    duplicated: int = 0
    """Trials beyond the number asked for, configurations that two trials have, rungs computed twice."""
    unfinished: int = 0
    """Trials that have not ended when the study has."""
    broken: list[str] = field(default_factory=list)
    """Runs that ended otherwise than a user may expect, with their last words."""

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        self.injections += other.injections
        self.studies += other.studies
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.unfinished += other.unfinished
        self.broken += other.broken

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.unfinished or self.broken)

    def __str__(self) -> str:
        words = "".join(f"\n{text}" for text in self.broken)
        return (
            f"{self.injections} injections in {self.studies} studies: {self.lost} lost, {self.duplicated} duplicated, "
            f"{self.unfinished} unfinished, {len(self.broken)} runs broken{words}"
        )


def kill_driver(program: subprocess.Popen[str], _folder: Path, _rng: random.Random) -> bool:
    """kill -9 of the driver's process group; Ray's processes, in groups of their own, are left to themselves."""
    os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    return True


def interrupt(program: subprocess.Popen[str], _folder: Path, _rng: random.Random) -> bool:
    """Ctrl-C."""
    os.killpg(program.pid, signal.SIGINT)
    program.wait(_PATIENCE)
    return True


def terminate(program: subprocess.Popen[str], _folder: Path, _rng: random.Random) -> bool:
    """SIGTERM to the driver."""
    os.kill(program.pid, signal.SIGTERM)
    program.wait(_PATIENCE)
    return True


def kill_worker(program: subprocess.Popen[str], folder: Path, rng: random.Random) -> bool:
    """kill -9 of a worker that has run a trial and lives; the driver goes on."""
    lines = [line for file in folder.glob(_VISITS) for line in file.read_text(encoding="utf-8").splitlines()]
    ran = {int(line.split()[0]) for line in lines}
    living = psutil.process_iter(["pid", "cmdline"])  # on a Ray that ran before they are no children of the driver's
    workers = [each for each in living if each.pid in ran and " ".join(each.info["cmdline"] or ()).startswith("ray::")]
    if workers:
        rng.choice(workers).kill()
    return bool(workers)


FAULTS: dict[str, Callable[[subprocess.Popen[str], Path, random.Random], bool]] = {
    "kill -9 of the driver": kill_driver,
    "Ctrl-C": interrupt,
    _SIGTERM: terminate,
    "kill -9 of a worker": kill_worker,
}


@dataclass(frozen=True)
class Injector:
    """Hits studies with faults, in turn, at random moments."""

    faults: tuple[str, ...]
    seed: int = 0
    study: str = STUDY
    """The sections of its file."""
    start: float = 4.0
    """Every fourth fault falls into so many seconds from the start of a run, but never a SIGTERM, which Ray's native
    code meets with a dump for a moment of its start."""
    busy: float = 2.0
    """The others fall into so many seconds after the first rung that a worker tells in the run."""
    ray: str | None = None
    """Address of a Ray that runs; every run starts its own otherwise."""

    def inject(self, place: Path, new_database: NewDatabase, injections: int) -> Tally:
        """Run studies in a folder, one after the other, until so many faults have hit; the last one ends unharmed."""
        rng = random.Random(self.seed)
        tally = Tally()
        while tally.injections < injections and not tally.broken:
            folder = place / f"study-{tally.studies}"
            write_study(folder, self.study, new_database(), self.seed * 1000 + tally.studies)
            self._one_study(folder, injections, rng, tally)
            tally.studies += 1
        return tally

    def _one_study(self, folder: Path, injections: int, rng: random.Random, tally: Tally) -> None:
        """Until the study has ended: start it, and while faults are left, hit it somewhere."""
        status: int | None = None
        while status != 0:
            with running(folder, self.ray) as program:
                while program.poll() is None and tally.injections < injections:
                    if self._at_a_moment(program, folder, rng):
                        fault = FAULTS[self.faults[tally.injections % len(self.faults)]]
                        tally.injections += fault(program, folder, rng)
                status = program.wait(_PATIENCE)
            tally.lost += count_lost(folder)
            words = (folder / "output").read_text(encoding="utf-8")[-1500:]
            if status not in _ENDINGS:
                tally.broken.append(f"exit status {status} in {folder}: {words}")
                return
        judge(folder, tally)

    def _at_a_moment(self, program: subprocess.Popen[str], folder: Path, rng: random.Random) -> bool:
        """Wait for the moment of the next fault; False where the program ends before."""
        if rng.random() < 0.25 and _SIGTERM not in self.faults:
            return _outlives(program, rng.uniform(0, self.start))
        seen = _told(folder)
        while _told(folder) == seen:
            if not _outlives(program, 0.05):
                return False
        return _outlives(program, rng.uniform(0, self.busy))


def _told(folder: Path) -> int:
    """Bytes that workers have written about their rungs: a driver tells rungs again before a worker runs."""
    return sum(file.stat().st_size for file in folder.glob("runs/crash/artifacts/*/trial-*/told"))


def _outlives(program: subprocess.Popen[str], seconds: float) -> bool:
    try:
        program.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


@contextmanager
def running(folder: Path, ray: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """The program on the folder's study, ended with the block; `ray`: address of one that runs."""
    with (folder / "output").open("a", encoding="utf-8") as output:
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.driver", str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, **({"RAY_ADDRESS": ray} if ray else {})},
        )
        try:
            yield program
        finally:
            if program.poll() is None:
                program.kill()
                program.wait()


def write_study(folder: Path, sections: str, url: str, seed: int = 0) -> None:
    """A study file and the texts that it names."""
    study = f"name: crash\nstorage: {url}\nseed: {seed}\n{sections}"
    (folder / "library").mkdir(parents=True)
    for name, words in _TEXTS.items():
        (folder / "library" / f"{name}.txt").write_text(words, encoding="utf-8")
    (folder / "study.yaml").write_text(study, encoding="utf-8")


def _study(folder: Path) -> StudySpec:
    return read_study(folder / "study.yaml")


def records_of(folder: Path) -> dict[int, TrialRecord]:
    """Trials of the folder's study by their numbers."""
    store = open_store(_study(folder).storage or "")
    try:
        return {record.number: record for record in store.load("crash").records} if store.is_launched("crash") else {}
    finally:
        store.close()


def count_lost(folder: Path) -> int:
    """Count what was reported and is not in the database."""
    file = folder / ACKNOWLEDGED
    records, lost = records_of(folder), 0
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        kind, number, *what = json.loads(line)
        record = records.get(number)
        if kind == "rung":
            index, score = what
            lost += record is None or index >= len(record.rungs) or record.rungs[index].score != score
        else:
            lost += record is None or record.state.name != what[0]
    return lost


def judge(folder: Path, tally: Tally) -> None:
    """Count what a study that has ended should not have, or should have and has not."""
    wanted = _study(folder).search.trials
    records = list(records_of(folder).values())
    ended = [record for record in records if record.state is not TrialState.RUNNING]
    tally.unfinished += len(records) - len(ended) + max(0, wanted - len(records))
    alike = Counter(record.config.fingerprint for record in records)
    tally.duplicated += max(0, len(records) - wanted) + len(records) - len(alike)
    tally.duplicated += sum(_computed_twice(path) for path in folder.glob("runs/crash/artifacts/*/trial-*/told"))


def _computed_twice(file: Path) -> int:
    """Rungs that were told after a later one: the last rung may be told again, an earlier one was computed anew."""
    told = [int(line) for line in file.read_text(encoding="utf-8").split()]
    return sum(index < before for before, index in pairwise(told))
