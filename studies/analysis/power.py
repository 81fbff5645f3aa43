"""Statistical power: effects that the trials so far can detect, and trials that undecided texts need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct
from scipy.stats import t as student

from studies.analysis import CONFIDENCE
from studies.analysis.effects import TextEffect
from studies.analysis.regression import Estimate
from studies.analysis.sequential import reach

POWER = 0.8
"""Probability with which the smallest detectable effect is detected."""
_MOST = 100
"""Largest considered multiple of the present number of blocks: effects that need more are too small to decide."""


@dataclass(frozen=True, slots=True)
class Power:
    """Statistical power of the randomized trials."""

    smallest: float
    """Effect, in the score's unit, that 8 of 10 studies of this size detect; infinite if they decide none."""
    blocks: dict[str, int | None]
    """Blocks (pairs of trials, or trials of a text alone) that decide each text without a verdict, if its effect is as
    estimated; None: too many."""


def power(effects: Sequence[TextEffect]) -> Power:
    """Return the effects that the study can detect, and the trials that texts without a verdict need.

    An effect is detectable if its noncentral t exceeds the threshold of a verdict with a probability of 80% (Cohen,
    1988), here at a single reading. The threshold is that of the confidence sequence at alpha divided by the number of
    texts, the strictest case of the correction for multiple tests.
    """
    estimated = [effect for effect in effects if math.isfinite(effect.estimate.stderr) and effect.effect]
    if not estimated:
        return Power(math.inf, {})
    alpha = (1 - CONFIDENCE) / len(effects)
    reach = [_smallest_detectable(effect.estimate, alpha) for effect in estimated]
    needed = {effect.text: _needed(effect, alpha) for effect in estimated if effect.verdict == "no evidence yet"}
    return Power(float(np.sqrt(np.mean(np.square(reach)))), needed)


def _smallest_detectable(estimate: Estimate, alpha: float) -> float:
    """Return the smallest detectable effect; infinite if so few trials decide no effect."""
    threshold = float(reach(alpha, estimate.freedom, estimate.pairs))
    if math.isinf(threshold):
        return math.inf

    def power_deficit(size: float) -> float:
        return float(nct.sf(threshold, estimate.freedom, size)) - POWER

    return float(brentq(power_deficit, 0, 3 * threshold)) * estimate.stderr


def _needed(effect: TextEffect, alpha: float) -> int | None:
    """Return the number of blocks at which an effect of its present size is detectable; None: too many."""
    times = np.geomspace(1, _MOST, 200)
    freedom = effect.estimate.freedom * times
    threshold = reach(alpha, freedom, effect.estimate.pairs * times)
    sizes = (threshold + student.ppf(POWER, freedom)) * effect.estimate.stderr / np.sqrt(times)  # nearly noncentral t
    enough = np.flatnonzero(sizes <= abs(effect.effect))
    return math.ceil(effect.blocks * times[enough[0]]) if len(enough) else None
