"""Scores of a study's trials as a process sees them: pruned trials as uncertain predictions of their full training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from search.samplers.mixture.encoding import Vector

Curve = Mapping[float, float]
"""Scores by training length."""

_UNKNOWN = 0.25
"""Variance of a full score given that of an early rung, with the scores' variance as the unit, before both are seen."""
_WORTH = 4.0
"""Pairs of an early and a full score that this expectation, and that of a slope of 1, count as."""
_EQUAL = 1e-12
"""Variance below which scores count as all equal."""
_TAIL = 1.0
"""Standard deviations below the median from which on scores are drawn in: a training that collapsed tells no more."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Scores of trials in the order given, standardized."""

    scores: Vector
    extra: Vector
    """Variance of each score in addition to the noise, because its trial was not trained to the end."""


def usable(trial: FrozenTrial) -> bool:
    """Whether a trial has a score, even an early one, that is a number."""
    if trial.state is TrialState.COMPLETE:
        return math.isfinite(trial.values[0])
    return trial.state is not TrialState.FAIL and any(map(math.isfinite, trial.intermediate_values.values()))


def observations(trials: Sequence[FrozenTrial], sign: float) -> Observations:
    """Return the scores of usable trials; `sign` is -1 if lower values are better.

    A trial that ended early is predicted from its last rung: the full score is a line of the score at that rung,
    fitted to the trials that have both, and shrunk towards equal steps. Its residual variance is the extra variance.
    """
    if not trials:
        return Observations(np.zeros(0), np.zeros(0))
    curves = _comparable([_curve(trial, sign) for trial in trials])
    full = max(rung for curve in curves for rung in curve)
    scores = np.array([curve[max(curve)] for curve in curves])
    extra = np.zeros(len(curves))
    unit = float(np.var(scores))
    unit = unit if unit > _EQUAL else 1.0
    for rung in {max(curve) for curve in curves} - {full}:
        members = np.array([max(curve) == rung for curve in curves])
        both = np.array([(curve[rung], curve[full]) for curve in curves if rung in curve and full in curve])
        scores[members], extra[members] = _predicted(scores[members], both.reshape(-1, 2), unit)
    return _standardized(scores, extra)


def _curve(trial: FrozenTrial, sign: float) -> Curve:
    """Return the finite scores of a trial by training length; a complete one has a score at infinity as well."""
    found = {float(step): sign * value for step, value in trial.intermediate_values.items() if math.isfinite(value)}
    return {**found, math.inf: sign * trial.values[0]} if trial.state is TrialState.COMPLETE else found


def _comparable(curves: Sequence[Curve]) -> list[Curve]:
    """Return the curves in a unit in which no score is far from 1, so that squares do not overflow."""
    unit = max(abs(score) for curve in curves for score in curve.values()) or 1.0
    return [{rung: score / unit for rung, score in curve.items()} for curve in curves]


def _predicted(early: Vector, both: NDArray[np.float64], unit: float) -> tuple[Vector, float]:
    """Return the expected full scores, and their variance, from early scores and pairs of an early and a full score."""
    if not len(both):
        return early, _UNKNOWN * unit
    (start, end), count = both.mean(axis=0), len(both)
    away, met = both[:, 0] - start, both[:, 1] - end
    ridge = _WORTH * max(float(np.var(both[:, 0])), 1e-12)
    slope = (away @ met + ridge) / (away @ away + ridge)
    left = met - slope * away
    variance = (left @ left + _WORTH * _UNKNOWN * unit) / (count + _WORTH)
    return end + slope * (early - start), float(variance)


def _standardized(scores: Vector, extra: Vector) -> Observations:
    middle = float(np.median(scores))
    spread = float(np.std(scores))
    quarter = float(np.subtract(*np.percentile(scores, [75, 25]))) / 1.349
    if len(scores) >= 8 and quarter > 0:
        spread = min(spread, 2 * quarter)
    spread = spread if spread > 1e-12 * max(1.0, abs(middle)) else 1.0
    ahead = (scores - middle) / spread
    low = ahead < -_TAIL
    drawn = np.where(low, -_TAIL - np.log1p(np.maximum(-_TAIL - ahead, 0.0)), ahead)
    return Observations(drawn - drawn.mean(), extra / spread**2)
