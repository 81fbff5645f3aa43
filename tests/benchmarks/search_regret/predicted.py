"""Worth of a prior opinion on the texts to the search, when it is good, middling and worthless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from tests.benchmarks.search_regret.planted import subsets
from tests.benchmarks.search_regret.sheets import Sheet, difference_sheet, regret_sheet
from tests.benchmarks.search_regret.studies import study_of
from tests.benchmarks.search_regret.workers import Workers

_COUNTS = (4, 8, 16, 24, 40)
_TEXTS = 16
_REFERENCE = "no prior"
_DIGITS = 4


@dataclass(frozen=True)
class Opinion:
    """Predicted effects of the texts."""

    correlation: float
    """With the planted ones."""
    believed: float
    """Correlation that the search assumes: effects are predicted as regression with this correlation does."""
    knows_mean: bool = True
    """Whether their mean is that of the planted ones, and not 0."""

    def prior(self, effects: Mapping[str, float], seed: int) -> dict[str, float]:
        """Effects that are correlated so, over many texts."""
        planted = np.array(list(effects.values()))
        noise = np.random.default_rng([seed, 5]).standard_normal(len(planted))
        signal = (planted - planted.mean()) / planted.std()
        said = self.correlation * signal + np.sqrt(1 - self.correlation**2) * noise
        predicted = planted.mean() * self.knows_mean + self.believed * planted.std() * said
        return dict(zip(effects, predicted.tolist(), strict=True))


OPINIONS: Mapping[str, Opinion | None] = {
    _REFERENCE: None,
    "correlation .9": Opinion(0.9, 0.9),
    "correlation .5": Opinion(0.5, 0.5),
    "none, taken for .5": Opinion(0.0, 0.5),
    "none, nor their mean": Opinion(0.0, 0.5, knows_mean=False),
    "nothing: zeros": Opinion(0.0, 0.0, knows_mean=False),
}
"""The last is what imagined trials alone do: they end a sampler's random start."""


def predicted(workers: Workers, seeds: int) -> Iterator[Sheet]:
    """Studies of 16 texts with both samplers; each seed has a space of its own."""
    for sampler in ("gp", "tpe"):
        found = {
            name: np.array(workers.over(partial(_regret, sampler, opinion), seeds))
            for name, opinion in OPINIONS.items()
        }
        title = f"A prior, {_TEXTS} texts, {sampler}"
        note = f"{seeds} spaces of this kind; half of the trials are randomized and know no prior, nothing is pruned. "
        note += "The correlation is that of the predicted with the planted effects."
        yield regret_sheet(title, note, found, _COUNTS, _DIGITS)
        yield difference_sheet(title, _REFERENCE, found, _COUNTS, _DIGITS)


def _regret(sampler: str, opinion: Opinion | None, seed: int) -> list[float]:
    problem = subsets(_TEXTS, seed)
    prior = opinion.prior(problem.effects, seed) if opinion is not None else {}
    course = study_of(problem, seed, trials=max(_COUNTS), sampler=sampler, pruner="none", prior_effects=prior)
    return [course.after(count) for count in _COUNTS]
