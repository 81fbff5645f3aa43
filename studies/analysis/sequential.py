"""Inference that holds however often a study is read: confidence sequences, and e-values for many texts.

An interval for a fixed number of trials fails if it is read again and again until it excludes zero. The limits here
hold at all readings together. Let t be a coefficient's t statistic with v degrees of freedom, and m its number of
pairs, less what the other columns explain of its own. Mixing the likelihood ratio of t over a normal effect with the
variance s²/g, where s² is the variance of a pair, gives, with r = g / (g + m),

    E = sqrt(r) * ((1 + t²/v) / (1 + r t²/v)) ^ ((v + 1) / 2).

It is the ratio of the density of t if the effect is drawn (Student's t, stretched by 1/sqrt(r)) to that if the effect
is zero, so its mean is 1 without an effect. For normal errors of one variance it is a martingale (Lindon, Ham, Tingley
and Bojinov, 2022, arXiv 2210.08589), and by Ville's inequality exceeds 1/a at any time with probability at
most a. The standard errors and degrees of freedom here are robust ones, which makes it approximate:
`docs/experiments.md` has what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRIOR_PAIRS = 2.0
"""The g of the mixture, in pairs of trials. Smaller ones narrow the limits at few pairs and widen them at many; with
this one they are close to the narrowest at 20 to 80 pairs of ten texts, and much narrower than with larger ones at 15
(`docs/design.md`, "Reading again and again")."""
_LARGEST_LOG = 200.0
"""Upper bound of the logarithm of an e-value, so that sums of e-values stay finite."""


def e_value(t: float, freedom: float, pairs: float) -> float:
    """Return the evidence against an effect of zero, valid at any time; its mean is at most 1 if the effect is zero.

    Args:
        t: coefficient over its standard error.
        freedom: degrees of freedom of Student's t.
        pairs: number of pairs of trials that tell of the effect; 0: no evidence, an e-value of 1.
    """
    ratio = PRIOR_PAIRS / (PRIOR_PAIRS + pairs)
    square = t * t / freedom
    gained = (freedom + 1) / 2 * (math.log1p(square) - math.log1p(ratio * square))
    return math.exp(min(gained + math.log(ratio) / 2, _LARGEST_LOG))


def reach(level: float, freedom: ArrayLike, pairs: ArrayLike) -> NDArray[np.float64]:
    """Return the t statistics whose e-value is 1 / level: the half width of a confidence sequence in standard errors.

    Infinite where so few trials cannot give as much evidence, however large the effect. `freedom` and `pairs`
    broadcast, as for `e_value`.
    """
    freedom, pairs = np.asarray(freedom, dtype=float), np.asarray(pairs, dtype=float)
    ratio = PRIOR_PAIRS / (PRIOR_PAIRS + pairs)
    needed = (level * np.sqrt(ratio)) ** (-2 / (freedom + 1))  # (1 + t²/v) / (1 + r t²/v), which is below 1/r
    possible = ratio * needed < 1
    square = freedom * (needed - 1) / np.where(possible, 1 - ratio * needed, 1)
    return np.where(possible, np.sqrt(square), math.inf)


def adjusted(e_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number from e-values of any dependence; valid at any time.

    The closed e-Benjamini-Hochberg procedure (Xu, Fischer and Ramdas, 2025, arXiv 2504.11759), which finds whatever
    e-BH finds (Wang and Ramdas, 2022), and more. The set of the k largest e-values is found at level a if the mean
    e-value of every set of texts, of which j are found, is at least j / (k a). The texts without an effect are one of
    these sets, so the share of the found that is false is at most a times their mean e-value. That has a mean of at
    most 1, and exceeds 1/a at any time with probability at most a. Here, no text is found by the evidence on others:
    its own e-value must be at least 1/a, so that its own confidence sequence excludes zero.
    """
    number = len(e_values)
    order = np.argsort(-np.asarray(e_values, dtype=float), kind="stable")
    ordered = np.asarray(e_values, dtype=float)[order]
    levels = np.array([max(_level_of_largest(ordered, k), 1 / ordered[k - 1]) for k in range(1, number + 1)])
    result = np.empty(number)
    result[order] = np.minimum.accumulate(np.minimum(levels, 1)[::-1])[::-1]  # of the best set that a text is in
    return [float(level) for level in result]


def _level_of_largest(ordered: NDArray[np.float64], found: int) -> float:
    """Return the level at which the `found` largest of the e-values, largest first, are found together.

    Of the sets with j found texts and i others, that of the smallest e-values of both kinds is the hardest.
    """
    inside = np.cumsum(ordered[:found][::-1])[:, None]
    outside = np.concatenate([[0.0], np.cumsum(ordered[found:][::-1])])
    wanted, others = np.arange(1, found + 1)[:, None], np.arange(len(outside))
    return float((wanted * (wanted + others) / (found * (inside + outside))).max())
