"""Whether the trials are enough: what could be detected so far, and what it takes to decide the rest."""

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

POWER = 0.8
"""Probability with which an effect of the smallest size is detected."""
_MOST = 100
"""Times as many pairs as there are: beyond that, an effect counts as too small to decide."""


@dataclass(frozen=True, slots=True)
class Power:
    """How far the randomized trials reach."""

    smallest: float
    """Effect, in the score's unit, that 8 of 10 studies of this size detect; infinite before there are intervals."""
    blocks: dict[str, int | None]
    """Text without a verdict to the pairs of trials that decide it if its effect is what it seems (of a text alone:
    its trials); None: too many."""


def power(effects: Sequence[TextEffect]) -> Power:
    """The effects that the study can detect, and the trials that texts without a verdict need.

    An effect is detected where its noncentral t exceeds the threshold t(1 - alpha/2) with a probability of 80%, alpha
    being shared out among the texts: the strictest that the correction for their number can be (Cohen, 1988).
    """
    known = [effect for effect in effects if math.isfinite(effect.estimate.stderr) and effect.effect]
    if not known:
        return Power(math.inf, {})
    alpha = (1 - CONFIDENCE) / len(effects)
    reach = [_reach(effect.estimate, alpha) for effect in known]
    needed = {effect.text: _needed(effect, alpha) for effect in known if effect.verdict == "no evidence yet"}
    return Power(float(np.sqrt(np.mean(np.square(reach)))), needed)


def _reach(estimate: Estimate, alpha: float) -> float:
    """The smallest effect that is detected."""
    threshold = estimate.quantile(1 - alpha / 2)

    def missing(size: float) -> float:
        return float(nct.sf(threshold, estimate.freedom, size)) - POWER

    return float(brentq(missing, 0, 3 * threshold)) * estimate.stderr


def _needed(effect: TextEffect, alpha: float) -> int | None:
    """Blocks with which an effect of the present size is detected: errors shrink, and their freedom grows."""
    blocks = effect.blocks * np.geomspace(1, _MOST, 200)
    freedom = effect.estimate.freedom * blocks / effect.blocks
    stderr = effect.estimate.stderr * np.sqrt(effect.blocks / blocks)
    reach = (student.ppf(1 - alpha / 2, freedom) + student.ppf(POWER, freedom)) * stderr  # noncentral t, nearly
    enough = np.flatnonzero(reach <= abs(effect.effect))
    return math.ceil(blocks[enough[0]]) if len(enough) else None
