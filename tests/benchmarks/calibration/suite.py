"""The studies of the page, and how they are run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import optuna
from rich.progress import track

from tests.benchmarks.calibration.measures import Case, Measured, measure
from tests.benchmarks.calibration.trials import IndependentSettings
from tests.benchmarks.calibration.worlds import PLANTED, games, many, planted, summed

SIZES = (60, 120, 240)
MIDDLE = 120
_NOISE_OF_GAMES = 0.3
_PLANTED, _NULL, _MANY = 30, 250, 30
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
    found += [Case(case.world, case.seed, (MIDDLE,), IndependentSettings, peers=False) for case in rated]
    found += [Case(summed(choose, i), i, SIZES) for choose in _OTHERS for i in count(_PLANTED)]
    return found + [Case(many(_TEXTS, i), i, _FEW_TRIALS, peers=False) for i in count(_MANY)]


def run(found: Sequence[Case], processes: int) -> Measured:
    """Measure all cases, several at a time."""
    quiet = (optuna.logging.set_verbosity, (optuna.logging.WARNING,))
    with ProcessPoolExecutor(processes, get_context("spawn"), *quiet) as pool:
        return Measured.together(list(track(pool.map(measure, found), "studies", total=len(found))))
