"""How well each metric tells mixes apart: the spread of scores over mixes against that over seeds, on the demo.

`python -m tests.benchmarks.signal [--mixes 12] [--seeds 3] [--tokens 40960]` trains random mixes of the demo library
with several seeds each, and prints for every metric the standard deviation between mixes, between seeds of one mix, and
their ratio (one-way random effects; Searle, Casella and McCulloch, Variance Components, 1992, chapter 3).
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

import objectives
from objectives.spec import FinetuneSpec
from spaces import CorpusMix, Stage, TrialConfig, Tuning, scan
from studies.demo.books import BOOKS
from studies.demo.library import write_demo
from studies.spec import read_study

METRICS = ("probability", "log_probability", "bits_per_byte", "margin", "accuracy")


def scores(mixes: int, seeds: int, tokens: int, console: Console) -> dict[str, np.ndarray]:
    """Metric to the scores of every mix and seed, shape (mixes, seeds)."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        study = read_study(write_demo(folder, "signal", seed=0))
        spec = study.objective
        if not isinstance(spec, FinetuneSpec):
            raise TypeError("the demo trains a model")
        spec = spec.model_copy(update={"rungs": [1.0], "tokens": tokens})
        corpus = scan(folder / "library")
        prepared = objectives.prepare(spec, corpus, folder / "cache")
        objective = objectives.build(spec, prepared.corpus, folder / "cache")
        tuning = Tuning("lora", 8, 16, 0, prepared.layout.resolve_targets("all-linear"))
        found: dict[str, list[list[float]]] = {metric: [] for metric in METRICS}
        for mix in range(mixes):
            texts = [book.name for book in BOOKS if rng.random() < 0.5] or [BOOKS[0].name]
            stage = Stage("train", CorpusMix.equal(texts), tuning, (), prepared.rungs[-1], 5e-3)
            rows = [
                next(objective.evaluate(TrialConfig("tiny", seed, (stage,)), folder / f"{mix}-{seed}")).qualities
                for seed in range(seeds)
            ]
            for metric in METRICS:
                found[metric].append([row[metric] for row in rows])
            console.print(f"{mix + 1}/{mixes}: {', '.join(texts)}: {rows[0]['probability']:.3f}")
    return {metric: np.array(rows) for metric, rows in found.items()}


def spreads(table: np.ndarray) -> tuple[float, float]:
    """Standard deviations between mixes and between the seeds of one mix."""
    within = float(table.var(axis=1, ddof=1).mean())
    between = float(table.mean(axis=1).var(ddof=1)) - within / table.shape[1]
    return max(between, 0.0) ** 0.5, within**0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mixes", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=40_960)
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    tables = scores(chosen.mixes, chosen.seeds, chosen.tokens, console)
    console.print(f"\n{'metric':16} {'between mixes':>14} {'between seeds':>14} {'ratio':>7}")
    for metric, table in tables.items():
        between, within = spreads(table)
        console.print(f"{metric:16} {between:14.4f} {within:14.4f} {between / within:7.2f}")


if __name__ == "__main__":
    main()
