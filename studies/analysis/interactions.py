"""A screen for texts that change each other's effect: exploratory, pair by pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from search.storage.records import TrialRecord
from studies.analysis import CONFIDENCE
from studies.analysis.effects import paired
from studies.analysis.encoding import settings_of
from studies.analysis.regression import Estimate, fits, least_squares

FEWEST_PAIRS = 8
"""Fewer pairs of trials give no screen."""
_SPARE_PAIRS = 10
"""Pairs of trials beyond the number of columns that the joint regression needs."""
_MOST_CHOSEN = 5
"""Products that a screen of one at a time holds beside the others, at most."""
_TOLD = 0.1
"""A product of which less than this share is left beside the others is told by them."""
_PAIRS_PER_SETTING = 5
"""Settings enter as covariates where there are so many pairs of trials for each of their columns."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """By how much the effect of one text grows when the other is in the mix, too; symmetric."""

    texts: tuple[str, str]
    estimate: Estimate
    adjusted: float
    """p-value, corrected for the number of pairs of texts (Benjamini and Hochberg, 1995)."""

    @property
    def stands_out(self) -> bool:
        """Whether it is worth a study of its own."""
        return self.adjusted <= 1 - CONFIDENCE


def interactions(records: Iterable[TrialRecord], texts: Sequence[str]) -> list[Interaction]:
    """The interaction of every two texts, the largest first; empty where there are too few pairs of trials.

    The estimand is the Banzhaf interaction: the change of the score with both texts, less the changes with either
    alone, the other texts being in or out by coin flips. A mix and its complement agree in every product
    of two signs, and their mean is free of the effects of single texts, so it is regressed on the products and on
    the centered settings, which do not cancel in a mean (HC2 errors, MacKinnon and White, 1985). Where there are not
    enough pairs of trials for all products at once, on one at a time, beside those that stood out before it: products
    are confounded with each other in a balanced design, and a strong one would lend its size to others.
    """
    pairs = paired(records, texts)
    first, second = np.triu_indices(len(texts), 1)
    if len(pairs) < FEWEST_PAIRS or not len(first):
        return []
    products = pairs.signs[:, first] * pairs.signs[:, second]
    settings = settings_of(pairs.firsts)
    if len(pairs) < _PAIRS_PER_SETTING * settings.shape[1]:
        settings = settings[:, :0]
    estimates = _estimates(products, pairs.outcomes.mean(axis=1), settings)
    adjusted = false_discovery_control([estimate.p for estimate in estimates])
    found = [
        Interaction((texts[i], texts[j]), estimate, float(p))
        for i, j, estimate, p in zip(first.tolist(), second.tolist(), estimates, adjusted, strict=True)
    ]
    return sorted(found, key=lambda pair: -abs(pair.estimate.value))


def _estimates(
    products: NDArray[np.float64], means: NDArray[np.float64], settings: NDArray[np.float64]
) -> list[Estimate]:
    """Four times the slope of the means on each product, shape (pairs, products), beside an intercept and settings."""
    beside = np.column_stack([np.ones(len(means)), settings])
    together = np.column_stack([products, beside])
    if fits(together, _SPARE_PAIRS):
        slopes = least_squares(together, means)[: products.shape[1]]
    else:
        slopes = _one_at_a_time(products, means, beside)
    return [replace(slope, value=4 * slope.value, stderr=4 * slope.stderr) for slope in slopes]


def _one_at_a_time(
    products: NDArray[np.float64], means: NDArray[np.float64], beside: NDArray[np.float64]
) -> list[Estimate]:
    """The slope on each product beside those that stood out (forward selection, Efroymson, 1960)."""
    chosen: list[int] = []
    while True:
        slopes = _each_alone(products, means, np.column_stack([beside, products[:, chosen]]))
        for place in chosen:
            others = products[:, [other for other in chosen if other != place]]
            slopes[place] = _each_alone(products[:, [place]], means, np.column_stack([beside, others]))[0]
        adjusted = false_discovery_control([slope.p for slope in slopes])
        out = [place for place in np.argsort([slope.p for slope in slopes]) if place not in chosen]
        if not out or adjusted[out[0]] > 1 - CONFIDENCE or len(chosen) == _MOST_CHOSEN:
            return slopes
        chosen.append(int(out[0]))


def _each_alone(
    products: NDArray[np.float64], means: NDArray[np.float64], beside: NDArray[np.float64]
) -> list[Estimate]:
    """The slope on each product by itself, beside some columns: all regressions at once (Frisch and Waugh, 1933)."""
    basis, _ = np.linalg.qr(beside)
    products = products - basis @ (basis.T @ products)
    means = means - basis @ (basis.T @ means)
    size = (products**2).sum(axis=0)
    told = size > _TOLD * len(means)
    size = np.where(told, size, 1.0)
    slopes = products.T @ means / size
    residuals = means[:, None] - products * slopes
    leverage = (basis**2).sum(axis=1)[:, None] + products**2 / size
    stderrs = np.sqrt((products**2 * residuals**2 / np.clip(1 - leverage, 1e-3, None)).sum(axis=0)) / size
    freedom = len(means) - basis.shape[1] - 1
    return [
        Estimate(float(slope), float(stderr) if known else np.inf, freedom)
        for slope, stderr, known in zip(slopes, stderrs, told, strict=True)
    ]
