"""The studies of the page, and how they are run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import optuna
from rich.progress import track

from tests.benchmarks.calibration.measures import Case, Measured, measure
from tests.benchmarks.calibration.own_way import estimates
from tests.benchmarks.calibration.trials import INDEPENDENT, Settings
from tests.benchmarks.calibration.worlds import PLANTED, Played, games, many, planted, summed

SIZES = (60, 120, 240)
MIDDLE = 120
_NOISE_OF_GAMES = 0.3
_PLANTED, _NULL, _MANY = 30, 250, 30
_OTHER_SETTINGS: tuple[Settings, ...] = ("drawn", INDEPENDENT)
_OTHERS = ("weights", "one", "limited")
_TEXTS, _FEW_TRIALS = 50, (40, 80)


def cases(folder: Path | None, share: float = 1.0) -> list[Case]:
    """All studies of the page; a smaller `share` of them for tests."""

    def count(number: int) -> range:
        return range(max(2, round(share * number)))

    played = games(folder, _NOISE_OF_GAMES) if folder else []
    played = played[:: max(1, round(1 / share))]
    worlds = played + [planted(name, i) for name in PLANTED for i in count(_NULL if name == "null" else _PLANTED)]
    found = [Case(world, seed, SIZES) for seed, world in enumerate(worlds)]
    rated = [case for case in found if case.world.effects.any()]
    found += [Case(case.world, case.seed, (MIDDLE,), how, peers=False) for how in _OTHER_SETTINGS for case in rated]
    found += [Case(summed(choose, i), i, SIZES) for choose in _OTHERS for i in count(_PLANTED)]
    return found + [Case(many(_TEXTS, i), i, _FEW_TRIALS, peers=False) for i in count(_MANY)]


def run(found: Sequence[Case], processes: int) -> Measured:
    """Measure all cases, several at a time."""
    with _pool(processes) as pool:
        return Measured.together(list(track(pool.map(measure, found), "studies", total=len(found))))


def run_own_way(found: Sequence[Case], processes: int) -> list[dict[str, object]]:
    """Let every estimator choose its own trials in the worlds of subsets with effects; rows of `own_way.estimates`."""
    worlds = [(case.world, case.seed) for case in found if case.peers and isinstance(case.world, Played)]
    worlds = [(world, seed) for world, seed in worlds if world.effects.any()]
    with _pool(processes) as pool:
        rows = pool.map(estimates, *zip(*worlds, strict=True), repeat(SIZES))
        return [row for part in track(rows, "worlds", total=len(worlds)) for row in part]


def _pool(processes: int) -> ProcessPoolExecutor:
    quiet = (optuna.logging.set_verbosity, (optuna.logging.WARNING,))
    return ProcessPoolExecutor(processes, get_context("spawn"), *quiet)
