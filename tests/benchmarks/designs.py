"""Independent or balanced coins, on exhaustively known games: `python -m tests.benchmarks.designs GAMES`.

GAMES is a folder of games (see `tests.benchmarks.calibration.worlds.games`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from search.designs import BalancedAssignments
from studies.analysis.effects import text_effects
from tests.benchmarks.calibration.worlds import World, games
from tests.support.trials import study

PAIRS = (16, 30, 60)
NOISES = (0.0, 0.3)
STUDIES_PER_GAME = 4


class IndependentAssignments(BalancedAssignments):
    """A plain coin flip for every text of every pair."""

    def draw(self, pair: int) -> tuple[int, ...]:
        rng = np.random.default_rng([self._seed, pair, 1])
        return tuple(int(coin) for coin in rng.integers(0, 2, self._texts))


DESIGNS = {"independent": IndependentAssignments, "balanced": BalancedAssignments}


def _errors(world: World, pairs: int, design: type[BalancedAssignments], seed: int) -> list[tuple[float, bool]]:
    """For every text, the error of its estimated effect and whether the interval holds the truth."""
    records = study(
        lambda mix, rng: world.value(dict.fromkeys(mix, 1.0)) + rng.normal(0, world.noise),
        pairs,
        texts=world.texts,
        seed=seed,
        design=design,
    )
    truth = dict(zip(world.texts, world.effects.tolist(), strict=True))
    found = text_effects(records, world.texts)
    return [(abs(each.effect - truth[each.text]), each.low <= truth[each.text] <= each.high) for each in found]


def main(folder: Path) -> None:
    """Print error and coverage by number of pairs, noise and design."""
    table = Table(title=f"{STUDIES_PER_GAME} studies of each game", box=None)
    for column in ("pairs", "noise", "coins", "mean absolute error", "an interval holds"):
        table.add_column(column, justify="right")
    for pairs in PAIRS:
        for noise in NOISES:
            worlds = [world for world in games(folder, noise) for _ in range(STUDIES_PER_GAME)]
            for name, design in DESIGNS.items():
                found = [np.array(_errors(world, pairs, design, seed)) for seed, world in enumerate(worlds)]
                error, holds = np.mean(found, axis=(0, 1))
                table.add_row(str(pairs), f"{noise:.1f}", name, f"{error:.3f}", f"{holds:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
