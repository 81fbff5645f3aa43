"""Regret of every sampler in planted spaces, through the product's own searcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from search.samplers import SAMPLERS
from search.spec import SearchSpec
from tests.benchmarks.search_regret.choosers import automatic
from tests.benchmarks.search_regret.planted import Problem, settings, shares, subsets
from tests.benchmarks.search_regret.sheets import Regrets, Sheet, difference_sheet, regret_sheet
from tests.benchmarks.search_regret.studies import study_of
from tests.benchmarks.search_regret.workers import Workers

_COUNTS = (8, 16, 24, 40, 128)
_MOST_OF_GP = 40
"""Trials, as many as a study has by default; its time to propose grows with them."""
_REFERENCE = "tpe"
_DIGITS = 4


@dataclass(frozen=True)
class Contestant:
    """How a study is searched."""

    sampler: str
    pruner: str = "none"
    randomized: float = SearchSpec().randomized_share

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of trials after which its regret is told."""
        return tuple(count for count in _COUNTS if self.sampler != "gp" or count <= _MOST_OF_GP)


SPACES: Mapping[str, Callable[[int], Problem]] = {
    "8 texts, rank, rate, targets": partial(subsets, 8),
    "16 texts, rank, rate, targets": partial(subsets, 16),
    "shares of 8 texts, rank, rate": partial(shares, 8),
    "settings only": settings,
}
CONTESTANTS: Mapping[str, Contestant] = {
    **{name: Contestant(name) for name in SAMPLERS},
    "tpe, none randomized": Contestant("tpe", randomized=0.0),
    "gp, none randomized": Contestant("gp", randomized=0.0),
    "mixture, none randomized": Contestant("mixture", randomized=0.0),
    "tpe, asha": Contestant("tpe", "asha"),
    "gp, asha": Contestant("gp", "asha"),
    "mixture, asha": Contestant("mixture", "asha"),
}


def planted(workers: Workers, seeds: int) -> Iterator[Sheet]:
    """Every sampler in every space; each seed has a space of its own, the same for all."""
    note = f"{seeds} spaces of this kind; half of the trials are randomized where texts are searched, "
    note += "nothing is pruned unless said. The automatic rule takes "
    for space, make in SPACES.items():
        found = {
            name: _regrets(workers, make, contestant, seeds)
            for name, contestant in CONTESTANTS.items()
            if contestant.randomized or make(0).space.searches_texts  # else the same as with half of them randomized
        }
        chosen = automatic(make(0).space.distributions, max(_COUNTS))
        yield regret_sheet(space, f"{note}{chosen}.", found, _COUNTS, _DIGITS)
        yield difference_sheet(space, _REFERENCE, found, _COUNTS, _DIGITS)


def _regrets(workers: Workers, make: Callable[[int], Problem], contestant: Contestant, seeds: int) -> Regrets:
    found = np.array(workers.over(partial(_regret, make, contestant), seeds))
    missing = np.full((seeds, len(_COUNTS) - found.shape[1]), np.nan)
    return np.hstack([found, missing])


def _regret(make: Callable[[int], Problem], contestant: Contestant, seed: int) -> list[float]:
    course = study_of(
        make(seed),
        seed,
        trials=max(contestant.counts),
        sampler=contestant.sampler,
        pruner=contestant.pruner,
        randomized_share=contestant.randomized,
    )
    return [course.after(count) for count in contestant.counts]
