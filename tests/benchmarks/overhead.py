"""Where the time of a study goes: `make bench`. Figures are of this machine and this moment; read their ratios."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
import yaml
from optuna.storages import BaseStorage, InMemoryStorage
from rich.console import Console
from rich.table import Table

from search import Event, LocalRunner
from search.artifacts import Artifacts
from search.ray_runner import RayRunner
from search.runner import Runner
from spaces import Corpus, Text
from studies.demo.library import write_demo
from studies.launch import prepare_launch
from studies.store import Store
from studies.study_file import read_study
from studies.tables import phase_seconds
from tests.studies_of import searcher_on, synthetic, synthetic_factory

WORKERS = 2
SYNTHETIC_TRIALS = 60
REAL_TRIALS = 12
TEXTS = 8


@dataclass
class Clock:
    """Hears of trials, and tells when the first began and at what pace the later ones ended."""

    begun: float = field(default_factory=time.perf_counter)
    first_start: float | None = None
    ends: list[float] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        now = time.perf_counter()
        if event.kind == "started" and self.first_start is None:
            self.first_start = now
        if event.kind == "finished":
            self.ends.append(now)

    @property
    def start_up(self) -> float:
        """Seconds from the call to the first end of a trial: Ray, workers and imports included."""
        return self.ends[0] - self.begun

    @property
    def pace(self) -> float:
        """Seconds of wall time for each trial after the first."""
        return (self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)


class Memory:
    """The largest memory of this process and all that it started, shared pages counted once; sampled."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.peak = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.5):
            self.peak = max(self.peak, sum(_memory(each) for each in (me, *me.children(recursive=True))))


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it ended meanwhile
        return 0


def _synthetic(storage: BaseStorage, runner: Runner, folder: Path) -> Clock:
    names = [f"text-{i}" for i in range(TEXTS)]
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 10, "") for name in names))
    clock = Clock()
    fields = {"effects": dict.fromkeys(names, 0.1), "noise": 0.02}
    objective = synthetic(**fields)
    searcher = searcher_on(corpus, storage, objective=objective, trials=SYNTHETIC_TRIALS, watch=clock, pruner="none")
    clock.begun = time.perf_counter()
    runner.run(searcher, synthetic_factory(corpus, **fields), Artifacts(folder / "artifacts"))
    return clock


def bridge(console: Console, folder: Path) -> None:
    """What a trial costs beside its own work: three rungs that take no time."""
    runs: dict[str, tuple[BaseStorage, Runner]] = {
        "one process, memory": (InMemoryStorage(), LocalRunner()),
        "one process, SQLite": (Store(f"sqlite:///{folder / 'local.db'}").storage, LocalRunner()),
        f"Ray, {WORKERS} workers, SQLite": (
            Store(f"sqlite:///{folder / 'ray.db'}").storage,
            RayRunner(folder / "ray", workers=WORKERS),
        ),
    }
    table = Table(
        title=f"{SYNTHETIC_TRIALS} trials of three empty rungs, {TEXTS} texts", title_justify="left", box=None
    )
    for column in ("runner and database", "first trial ended after, s", "then s a trial", "ratio"):
        table.add_column(column, justify="left" if column.startswith("runner") else "right")
    reference = None
    for i, (name, (storage, runner)) in enumerate(runs.items()):
        clock = _synthetic(storage, runner, folder / str(i))
        reference = reference or clock.pace
        table.add_row(name, f"{clock.start_up:.2f}", f"{clock.pace:.3f}", f"{clock.pace / reference:.1f}")
    console.print(table)


def real(console: Console, folder: Path) -> None:
    """The demo's trials through Ray, by phase."""
    path = write_demo(folder, "bench", seed=0)
    study = yaml.safe_load(path.read_text())
    study["search"] |= {"trials": REAL_TRIALS, "workers": WORKERS, "pruner": "none"}
    path.write_text(yaml.safe_dump(study))
    ready = prepare_launch(read_study(path), folder / "runs")
    clock = Clock()
    with Memory() as memory:
        outcome = ready.run(lambda _spec, scratch: RayRunner(scratch, workers=WORKERS), clock)
    trained = [phase_seconds(record) for record in outcome.study.records if record.texts]
    table = Table(title="\nA trial of the demo, seconds by phase (median)", title_justify="left", box=None)
    table.add_column("phase")
    table.add_column("seconds", justify="right")
    for phase in trained[0]:
        table.add_row(phase, f"{statistics.median(phases.get(phase, 0.0) for phases in trained):.3f}")
    own = statistics.mean(sum(phases.values()) - phases.get("load", 0.0) for phases in trained)
    table.add_row("all phases but load, mean", f"{own:.3f}")
    table.add_row(f"wall time a trial x {WORKERS} workers", f"{clock.pace * WORKERS:.3f}")
    console.print(table)
    console.print(f"first trial ended after {clock.start_up:.1f} s; peak memory {memory.peak / 1e9:.2f} GB (PSS)")


def main() -> None:
    """Print both tables."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        bridge(console, Path(folder))
        real(console, Path(folder))


if __name__ == "__main__":
    main()
