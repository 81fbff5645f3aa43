"""Exploratory screen of all pairs of texts for interactions: texts that change each other's effect."""

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
"""Minimum number of pairs of trials for a screen."""
_SPARE_PAIRS = 10
"""Pairs of trials that the joint regression needs in addition to the number of columns."""
_MOST_CHOSEN = 5
"""Maximum number of products that forward selection adds as covariates."""
_MIN_UNEXPLAINED = 0.1
"""A product is collinear with the covariates if they leave less than this share of its variance unexplained."""
_FEWEST_DRAWN = 10
"""Minimum number of pairs of trials for which both texts were drawn, unless the study has fewer pairs in all."""
_PAIRS_PER_SETTING = 5
"""Minimum number of pairs of trials per settings column for settings to be used as covariates."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """Change of the effect of one text when the other is in the mix, too; symmetric."""

    texts: tuple[str, str]
    estimate: Estimate
    adjusted: float
    """p-value, corrected for the number of pairs of texts (Benjamini and Hochberg, 1995)."""

    @property
    def stands_out(self) -> bool:
        """Whether the interaction is significant, and so worth a study of its own."""
        return self.adjusted <= 1 - CONFIDENCE


def interactions(records: Iterable[TrialRecord], texts: Sequence[str]) -> list[Interaction]:
    """Return the interaction of every pair of texts, largest first; empty if there are too few pairs of trials.

    The estimand is the Banzhaf interaction: the change of the score with both texts, minus the changes with either
    alone, each of the other texts being included with probability one half. A mix and its complement agree in every
    product of two signs, and their mean is free of the effects of single texts, so the mean is regressed on the
    products and on the centered settings, which do not cancel in a mean (HC2 errors, MacKinnon and White, 1985). If
    there are too few pairs of trials for all products at once, the products are tested one at a time, with the
    significant ones as covariates: products are confounded in a balanced design, so a strong one would inflate others.
    Left out are texts that were added to the study too recently.
    """
    pairs = paired(records, texts)
    first, second = np.triu_indices(len(texts), 1)
    if len(pairs) < FEWEST_PAIRS or not len(first):
        return []
    together = np.abs(pairs.signs).T @ np.abs(pairs.signs)  # pairs of trials for which both texts were drawn
    drawn = together[first, second] >= min(len(pairs), _FEWEST_DRAWN)
    first, second = first[drawn], second[drawn]
    products = pairs.signs[:, first] * pairs.signs[:, second]
    settings = settings_of(pairs.firsts)
    if len(pairs) < _PAIRS_PER_SETTING * settings.shape[1]:
        settings = settings[:, :0]
    estimates = _estimates(products, pairs.outcomes.mean(axis=1), settings)
    adjusted = false_discovery_control([estimate.p for estimate in estimates])
    screened = [
        Interaction((texts[i], texts[j]), estimate, float(p))
        for i, j, estimate, p in zip(first.tolist(), second.tolist(), estimates, adjusted, strict=True)
    ]
    return sorted(screened, key=lambda pair: -abs(pair.estimate.value))


def _estimates(
    products: NDArray[np.float64], means: NDArray[np.float64], settings: NDArray[np.float64]
) -> list[Estimate]:
    """Return four times the slope on each product, shape (pairs, products), given an intercept and the settings."""
    covariates = np.column_stack([np.ones(len(means)), settings])
    together = np.column_stack([products, covariates])
    if fits(together, _SPARE_PAIRS):
        slopes = least_squares(together, means)[: products.shape[1]]
    else:
        slopes = _one_at_a_time(products, means, covariates)
    return [replace(slope, value=4 * slope.value, stderr=4 * slope.stderr) for slope in slopes]


def _one_at_a_time(
    products: NDArray[np.float64], means: NDArray[np.float64], covariates: NDArray[np.float64]
) -> list[Estimate]:
    """Return the slope on each product given the significant ones (forward selection, Efroymson, 1960)."""
    chosen: list[int] = []
    while True:
        slopes = _each_alone(products, means, np.column_stack([covariates, products[:, chosen]]))
        for place in chosen:
            others = products[:, [other for other in chosen if other != place]]
            slopes[place] = _each_alone(products[:, [place]], means, np.column_stack([covariates, others]))[0]
        adjusted = false_discovery_control([slope.p for slope in slopes])
        rest = [place for place in np.argsort([slope.p for slope in slopes]) if place not in chosen]
        if not rest or adjusted[rest[0]] > 1 - CONFIDENCE or len(chosen) == _MOST_CHOSEN:
            return slopes
        chosen.append(int(rest[0]))


def _each_alone(
    products: NDArray[np.float64], means: NDArray[np.float64], covariates: NDArray[np.float64]
) -> list[Estimate]:
    """Return the slope on each product given the covariates, all regressions at once (Frisch and Waugh, 1933)."""
    basis, _ = np.linalg.qr(covariates)
    products = products - basis @ (basis.T @ products)
    means = means - basis @ (basis.T @ means)
    size = (products**2).sum(axis=0)
    estimable = size > _MIN_UNEXPLAINED * len(means)
    size = np.where(estimable, size, 1.0)
    slopes = products.T @ means / size
    residuals = means[:, None] - products * slopes
    leverage = (basis**2).sum(axis=1)[:, None] + products**2 / size
    stderrs = np.sqrt((products**2 * residuals**2 / np.clip(1 - leverage, 1e-3, None)).sum(axis=0)) / size
    freedom = len(means) - basis.shape[1] - 1
    return [
        Estimate(float(slope), float(stderr) if has_error else np.inf, freedom)
        for slope, stderr, has_error in zip(slopes, stderrs, estimable, strict=True)
    ]
