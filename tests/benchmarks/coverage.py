"""How well the intervals hold on exhaustively known games: `python -m tests.benchmarks.coverage GAMES`.

GAMES is a folder of .npz files with `coalitions`, shape (2^k, k) of 0 and 1, and `values`, shape (2^k,): what a
model scores that was trained on each subset of k sources.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from search.arms import BalancedCoins
from studies.effects import text_effects
from tests.test_studies.test_effects import study

PAIRS = (16, 30, 60)
NOISES = (0.0, 0.3)
STUDIES_PER_GAME = 4


class IndependentCoins(BalancedCoins):
    """A plain coin flip for every text of every pair."""

    def draw(self, pair: int) -> tuple[int, ...]:
        rng = np.random.default_rng([self._seed, pair, 1])
        return tuple(int(coin) for coin in rng.integers(0, 2, self._texts))


DESIGNS = {"independent": IndependentCoins, "balanced": BalancedCoins}


@dataclass(frozen=True)
class Game:
    """Values of all subsets of some texts, in standard deviations."""

    texts: tuple[str, ...]
    coalitions: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> Game:
        """A game from its file; the value of the empty set, stored as 0, becomes the smallest single player's."""
        with np.load(path) as stored:
            coalitions, values = stored["coalitions"].astype(np.int64), stored["values"].astype(np.float64)
        sizes = coalitions.sum(axis=1)
        values[sizes == 0] = values[sizes == 1].min()
        texts = tuple(f"text-{i}" for i in range(coalitions.shape[1]))
        return cls(texts, coalitions, (values - values.mean()) / values.std())

    @property
    def truth(self) -> dict[str, float]:
        """Banzhaf values: mean change of the value when a text joins, over all subsets of the others."""
        effects = 2 * (2 * self.coalitions - 1).T @ self.values / len(self.values)
        return dict(zip(self.texts, effects.tolist(), strict=True))


def _errors(game: Game, pairs: int, noise: float, design: type[BalancedCoins], seed: int) -> list[tuple[float, bool]]:
    """For every text, the error of its estimated effect and whether the interval holds the truth."""
    lookup = {
        frozenset(text for text, coin in zip(game.texts, row, strict=True) if coin): value
        for row, value in zip(game.coalitions.tolist(), game.values.tolist(), strict=True)
    }
    records = study(
        lambda mix, rng: lookup[frozenset(mix)] + rng.normal(0, noise),
        pairs,
        texts=game.texts,
        seed=seed,
        design=design,
    )
    truth = game.truth
    found = text_effects(records, game.texts)
    return [(abs(each.effect - truth[each.text]), each.low <= truth[each.text] <= each.high) for each in found]


def main(folder: Path) -> None:
    """Print error and coverage by number of pairs, noise and design."""
    games = [Game.read(path) for path in sorted(folder.glob("*.npz"))]
    table = Table(title=f"{len(games)} games, {STUDIES_PER_GAME} studies each", box=None)
    for column in ("pairs", "noise", "coins", "mean absolute error", "one interval holds", "all hold together"):
        table.add_column(column, justify="right")
    for pairs in PAIRS:
        for noise in NOISES:
            for name, design in DESIGNS.items():
                studies = [game for game in games for _ in range(STUDIES_PER_GAME)]  # each with a design of its own
                found = [np.array(_errors(game, pairs, noise, design, seed=i)) for i, game in enumerate(studies)]
                error, holds = np.mean(found, axis=(0, 1))
                together = np.mean([study[:, 1].all() for study in found])
                table.add_row(str(pairs), f"{noise:.1f}", name, f"{error:.3f}", f"{holds:.3f}", f"{together:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
