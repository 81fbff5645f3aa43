"""Cost of a trial in addition to its own work, through Ray and a database: `python -m tests.benchmarks.overhead`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from optuna.storages import BaseStorage, InMemoryStorage
from rich.console import Console
from rich.table import Table

from search.artifacts import Artifacts
from search.ray.runner import RayRunner
from search.runner import LocalRunner, Runner
from spaces import Corpus, Text
from studies.storage.store import open_store
from tests.benchmarks.watching import Clock
from tests.support.studies import searcher_on, synthetic, synthetic_factory

WORKERS = 2
SYNTHETIC_TRIALS = 60
TEXTS = 8


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
    """Cost of a trial in addition to its own work: three rungs that take no time."""
    runs: dict[str, tuple[BaseStorage, Runner]] = {
        "one process, memory": (InMemoryStorage(), LocalRunner()),
        "one process, SQLite": (open_store(f"sqlite:///{folder / 'local.db'}").storage, LocalRunner()),
        f"Ray, {WORKERS} workers, SQLite": (
            open_store(f"sqlite:///{folder / 'ray.db'}").storage,
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
        reference = reference or clock.pace()
        table.add_row(name, f"{clock.start_up:.2f}", f"{clock.pace():.3f}", f"{clock.pace() / reference:.1f}")
    console.print(table)


def main() -> None:
    """Print the table."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        bridge(console, Path(folder))


if __name__ == "__main__":
    main()
