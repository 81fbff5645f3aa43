"""Choosers of the next of a table's runs, knowing the scores of those that it picked before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import NopPruner
from optuna.storages import InMemoryStorage

from search.arms import Arms
from search.designs import ReversedShares
from search.drawing import draw
from search.samplers import build_sampler
from search.storage.ledger import Ledger
from search.storage.records import Plan
from tests.benchmarks.search_regret.models import Model
from tests.benchmarks.search_regret.tables import Candidates, Measured, Table

_FIRST = 10
"""Runs at random before a regression is asked: as many as Optuna's TPE and Gaussian process draw at random."""
_MOST_DIMENSIONS = 20
_MOST_TRIALS = 250


class Chooser(Protocol):
    """Picks a table's runs one by one."""

    def choose(self, left: Sequence[int]) -> int:
        """One of the runs that are left, by its row."""
        ...

    def learn(self, run: int, score: float) -> None:
        """Hear the score of the run that was picked last."""
        ...


Maker = Callable[[Candidates, int], Chooser]
"""Makes a chooser from the candidates and a seed."""


class AtRandom:
    """Any run, all alike."""

    def __init__(self, _: Candidates, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def choose(self, left: Sequence[int]) -> int:
        return int(self._rng.choice(left))

    def learn(self, run: int, score: float) -> None:
        pass


class ByProxy:
    """The runs in the order of what a model foretells that was fitted on the proxy's runs alone."""

    def __init__(self, candidates: Candidates, seed: int, model: Model) -> None:
        if candidates.proxy is None:
            raise ValueError("A chooser by proxy wants a table with a proxy.")
        self._foretold = model(candidates.proxy, candidates.features, seed)

    def choose(self, left: Sequence[int]) -> int:
        return max(left, key=lambda run: self._foretold[run])

    def learn(self, run: int, score: float) -> None:
        pass


class ByModel:
    """First some runs at random, then always the most promising, by a model of all runs so far."""

    def __init__(self, candidates: Candidates, seed: int, model: Model) -> None:
        self._features = candidates.features
        self._model = model
        self._seed = seed
        self._first = AtRandom(candidates, seed)
        self._rng = np.random.default_rng([seed, 1])
        self._runs: list[int] = []
        self._scores: list[float] = []

    def choose(self, left: Sequence[int]) -> int:
        if len(self._runs) < _FIRST:
            return self._first.choose(left)
        measured = Measured(self._features[self._runs], np.array(self._scores))
        shuffled = self._rng.permutation(left)  # trees foretell the same of many runs: the first of them is then any
        return int(shuffled[self._model(measured, self._features[shuffled], self._seed).argmax()])

    def learn(self, run: int, score: float) -> None:
        self._runs.append(run)
        self._scores.append(score)


class BySampler:
    """The nearest run, of those that are left, to what one of the product's samplers proposes.

    The trial is stored with the parameters of the run that it became, so the sampler learns of what was run and not of
    what it asked for; CMA-ES and NSGA-II then breed from the repaired points. Near is by city block: of mixtures, twice
    the share of tokens that differs.
    """

    def __init__(self, candidates: Candidates, seed: int, sampler: str, randomized: float = 0.0) -> None:
        """Begin a study.

        Args:
            candidates: the runs.
            seed: of the study.
            sampler: a row of `SAMPLERS`.
            randomized: share of the runs that the product's design of mixtures proposes instead of the sampler.
        """
        storage = InMemoryStorage()
        optuna.create_study(storage=storage, study_name="table", direction="maximize")
        self._candidates = candidates
        self._ledger = Ledger(storage, "table", candidates.space)
        self._ledger.guided_by(build_sampler(sampler, seed, trials=0), NopPruner())
        design = ReversedShares(candidates.domains, seed, None) if randomized else None
        self._arms = Arms(design, randomized, seed)
        self._running = 0

    def choose(self, left: Sequence[int]) -> int:
        plan = self._arms.next(self._ledger.trials())
        trial = self._ledger.create(Plan({}, plan.attributes), driver="benchmark")
        proposed = self._candidates.place(plan.params or draw(self._study, trial, self._candidates.space))
        distances = np.abs(self._candidates.features[list(left)] - proposed).sum(axis=1)
        run = left[int(distances.argmin())]
        self._ledger.set_params(trial.number, self._candidates.parameters[run])
        self._running = trial.number
        return run

    def learn(self, run: int, score: float) -> None:
        self._study.tell(self._running, score)

    @property
    def _study(self) -> optuna.Study:
        return self._ledger.study()


def automatic(space: Mapping[str, BaseDistribution], trials: int) -> str:
    """A sampler by rule: a Gaussian process for few numbers and few trials, TPE for all else.

    As OptunaHub's AutoSampler, which takes its Gaussian process below 250 trials, TPE where there are categories, and
    otherwise CMA-ES, of which this rule knows nothing.
    """
    numbers = not any(isinstance(searched, CategoricalDistribution) for searched in space.values())
    return "gp" if numbers and len(space) <= _MOST_DIMENSIONS and trials <= _MOST_TRIALS else "tpe"


def order_of(table: Table, make: Maker, seed: int, runs: int) -> list[int]:
    """The rows of a table in the order in which a chooser picks them.

    Raises:
        ValueError: it picked a run twice, or one that does not exist.
    """
    chooser = make(table.candidates, seed)
    left = list(range(len(table.scores)))
    order: list[int] = []
    for _ in range(min(runs, len(left))):
        run = chooser.choose(left)
        left.remove(run)
        chooser.learn(run, float(table.scores[run]))
        order.append(run)
    return order
