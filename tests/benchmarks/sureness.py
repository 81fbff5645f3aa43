"""Time to an equally sure rating of the texts: `python -m tests.benchmarks.sureness [--random TRIALS]
[--good-settings]`.

mixtune runs the demo's study as it is. The stock stack of `tests.benchmarks.stock` runs OptunaSearch with ASHA on the
same space; its texts are rated by least squares on the trials that ended, as one would do by hand (pruned trials say
nothing at the full budget), with the usual errors, which are the kindest: where its sampler has settled on one mix,
robust ones explode. An interval narrows with the square root of the trials, which tells the time until the stock
stack's would be as narrow. Even then it promises more than it holds: its trials were chosen by their scores
(docs/calibration.md). With --good-settings, its author knows good settings beforehand and draws the texts alone.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution
from optuna.samplers import RandomSampler
from ray import tune
from rich.console import Console
from scipy.stats import t

from search.ray.runner import RayRunner
from studies.analysis.rating import rate
from studies.run.launch import Ready
from tests.benchmarks import stock
from tests.benchmarks.throughput import WORKERS, prepared, stock_settings
from tests.benchmarks.watching import Clock

TARGETS = ["attention", "all-linear"]
_GOOD_RATE = 5e-3


def ours(ready: Ready) -> tuple[float, float]:
    """Seconds of the search, and half the width of a text's 95% interval, the median over texts."""
    clock = Clock()
    outcome = ready.run(lambda _spec, scratch: RayRunner(scratch, workers=WORKERS), clock)
    effects = rate(outcome.study).effects
    return clock.ends[-1] - clock.begun, statistics.median((each.high - each.low) / 2 for each in effects)


def stocks(ready: Ready, folder: Path, trials: int, *, at_random: bool, good: bool) -> tuple[float, float, int]:
    """The same of the stock stack, and how many trials ended.

    Args:
        ready: the demo's study.
        folder: folder for its files.
        trials: trials to run.
        at_random: with random search, and none pruned.
        good: at good settings, so that the texts alone are drawn.
    """
    settings = stock_settings(ready, folder)
    layout = ready.prepared.layout
    targets = [" ".join(layout.resolve_targets(name, "targets")) for name in TARGETS]
    searched = stock.space(settings, targets, ["0 1 2 3", "0 1 2"])
    if good:
        held: dict[str, Any] = {"rank": 8, "targets": targets[-1], "layers": "0 1 2 3", "rate": _GOOD_RATE}
        searched |= {name: CategoricalDistribution([value]) for name, value in held.items()}
    begun = time.perf_counter()
    sampler = RandomSampler(0) if at_random else None
    found = stock.run(settings, searched, trials, WORKERS, folder, prune=not at_random, sampler=sampler)
    seconds = time.perf_counter() - begun
    ended = [result for result in found if result.metrics["step"] == settings.rung_steps[-1]]
    return seconds, _half_width(ended, list(settings.texts)), len(ended)


def _half_width(ended: list[tune.Result], texts: list[str]) -> float:
    """Half-width of the median text; infinite where trials do not tell it from the others."""
    rows = np.array([_row(result, texts) for result in ended], dtype=float)
    varied = rows[:, [*range(len(texts)), *(i for i in range(len(texts), rows.shape[1]) if np.ptp(rows[:, i]))]]
    columns = sm.add_constant(varied, has_constant="add")
    freedom = len(ended) - columns.shape[1]
    if freedom < 1 or np.linalg.matrix_rank(columns) < columns.shape[1]:
        return float("inf")
    fitted = sm.OLS([result.metrics["probability"] for result in ended], columns).fit()
    errors: NDArray[np.float64] = fitted.bse[1 : 1 + len(texts)]
    return float(np.median(errors) * t.ppf(0.975, freedom))


def _row(result: tune.Result, texts: list[str]) -> list[float]:
    config = result.config
    own = [config["rank"] == 16, len(config["targets"].split()) > 4, "3" in config["layers"], np.log(config["rate"])]
    return [*(config[f"text_{name}"] for name in texts), *own]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=64, help="of each")
    parser.add_argument("--good-settings", action="store_true", help="the stock stack has good settings, with --random")
    parser.add_argument("--random", type=int, help="trials of the stock stack, drawn at random, none of them pruned")
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        ready = prepared(Path(folder), 0, chosen.trials, pruner="asha")
        mine, sure = ours(ready)
        number = chosen.random or chosen.trials
        random = bool(chosen.random)
        theirs, unsure, ended = stocks(
            ready, Path(folder), number, at_random=random, good=random and chosen.good_settings
        )
    console.print(f"mixtune: {chosen.trials} trials in {mine:.0f} s, a text's interval is ±{sure:.4f}")
    console.print(f"stock: {number} trials in {theirs:.0f} s, {ended} ended, a text's interval is ±{unsure:.4f}")
    console.print(f"a trial in {theirs / number / (mine / chosen.trials):.1f} times the time")
    console.print(f"equally sure: {theirs / mine * (unsure / sure) ** 2:.1f} times the time")


if __name__ == "__main__":
    main()
