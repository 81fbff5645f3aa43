"""How near each sampler comes to the best mix in a small study: `python -m tests.benchmarks.samplers [NAME ...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import optuna
from optuna.storages import InMemoryStorage
from rich.console import Console
from rich.table import Table

from objectives.synthetic import SyntheticObjective
from search.artifacts import Artifacts
from search.runner import LocalRunner
from search.samplers import SAMPLERS
from search.storage.records import Arm, read_record
from spaces import Corpus, Text
from tests.support.studies import searcher_on, synthetic

TRIALS = 64
SEEDS = 20
EFFECTS = {"a": 0.17, "b": 0.17, "c": 0.15, "d": 0.1, "liar": -0.15, "e": -0.02, "f": -0.02, "g": -0.01}
_BEST = 0.25 + sum(effect for effect in EFFECTS.values() if effect > 0)
_RATES = {"low": 2.5e-3, "high": 8e-3}


class Found(NamedTuple):
    """Result of one study."""

    regret: float
    """True score of the best mix and settings minus that of the best complete trial."""
    mixes: int
    """Different mixes among the guided trials."""


def _study(sampler: str, seed: int, folder: Path) -> Found:
    corpus = Corpus(folder, tuple(Text(name, (), name, 10, "") for name in EFFECTS))
    spec = synthetic(effects=EFFECTS, noise=0.02, rate_penalty=0.2, best_rate=5e-3)
    objective = SyntheticObjective(spec, corpus, folder)
    storage = InMemoryStorage()
    searcher = searcher_on(
        corpus,
        storage,
        space={"learning_rate": _RATES},
        objective=spec,
        seed=seed,
        trials=TRIALS,
        sampler=sampler,
    )
    LocalRunner().run(searcher, lambda: objective, Artifacts(folder))
    records = [record for trial in storage.get_all_trials(0) if (record := read_record(trial)) is not None]
    best = max((record for record in records if record.score is not None), key=lambda record: record.score or 0.0)
    guided = {record.texts for record in records if record.arm is Arm.GUIDED}
    return Found(_BEST - objective.truth(best.config), len(guided))


def main(names: list[str]) -> None:
    """Print the mean regret of every sampler over seeds."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = Table(title=f"{len(EFFECTS)} texts, {TRIALS} trials, half randomized, {SEEDS} seeds", box=None)
    for column in ("sampler", "regret", "±", "different guided mixes"):
        table.add_column(column, justify="left" if column == "sampler" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for name in names or SAMPLERS:
            found = [_study(name, seed, Path(folder)) for seed in range(SEEDS)]
            regrets = [each.regret for each in found]
            error = stdev(regrets) / len(regrets) ** 0.5
            table.add_row(name, f"{mean(regrets):.3f}", f"{error:.3f}", f"{mean(each.mixes for each in found):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
