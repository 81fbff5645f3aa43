"""Cross-validation of a hypernetwork's predictions for texts that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr

from studies.analysis import CONFIDENCE

_FEWEST = 4
"""Minimum number of texts for an interval."""


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Predictions for held-out texts, compared with the effects in the study."""

    predicted: Mapping[str, float]
    """Name of a text to the gain of its adapter from a network that was trained without the text."""
    rated: Mapping[str, float]
    """Name of a text to the effect of the text in the study."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the texts with a prediction and an effect."""
        return tuple(name for name in self.predicted if math.isfinite(self.rated.get(name, math.nan)))

    @property
    def correlation(self) -> float:
        """Spearman's correlation, in [-1, 1]; nan with too few texts, or if all predictions or effects are equal."""
        predicted, rated = self._columns()
        if len(predicted) < _FEWEST or not np.ptp(predicted) or not np.ptp(rated):
            return math.nan
        return float(spearmanr(predicted, rated).statistic)

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of the correlation, by Fisher's z with the variance of Bonett and Wright (2000)."""
        rho, count = self.correlation, len(self.texts)
        if not math.isfinite(rho):
            return math.nan, math.nan
        clipped = min(max(rho, -0.999), 0.999)
        half_width = norm.ppf((1 + CONFIDENCE) / 2) * math.sqrt((1 + clipped**2 / 2) / (count - 3))
        low, high = np.tanh(np.arctanh(clipped) - half_width), np.tanh(np.arctanh(clipped) + half_width)
        return float(low), float(high)

    @property
    def shown(self) -> bool:
        """Whether predictions are better than chance: the interval is above zero."""
        return self.interval[0] > 0

    def effect(self, gain: float) -> float:
        """Predict an effect from a gain, by least squares over the cross-validated texts.

        The prediction is the mean effect if the correlation or the slope is not positive, or if all predictions are
        equal. It is nan with too few cross-validated texts.
        """
        predicted, rated = self._columns()
        if len(predicted) < _FEWEST:
            return math.nan
        mean, variance = float(predicted.mean()), float(np.var(predicted))
        slope = float(np.mean((predicted - mean) * (rated - rated.mean()))) / variance if variance else 0.0
        return float(rated.mean()) + (max(0.0, slope) if self.correlation > 0 else 0.0) * (gain - mean)

    def to_dict(self) -> dict[str, Any]:
        """Return the predictions and effects as JSON data."""
        return asdict(self)

    def _columns(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
        names = self.texts
        return np.array([self.predicted[name] for name in names]), np.array([self.rated[name] for name in names])


def describe_validation(validation: CrossValidation) -> str:
    """Return the result of the cross-validation as a sentence."""
    count = len(validation.texts)
    if not math.isfinite(validation.correlation):
        return (
            "Predictions for new texts were not cross-validated (--folds 0, a study that rates no texts, or too few "
            "texts): do not trust them."
        )
    low, high = validation.interval
    verdict = "not shown to be better than guessing"
    if low > 0 or high < 0:
        verdict = (
            "better than guessing" if low > 0 else "worse than guessing, so the prediction for every text is the mean"
        )
    return (
        f"On {count} held-out texts of the study, the rank correlation of the predictions with the measured effects "
        f"is {validation.correlation:+.2f} ({CONFIDENCE:.0%} interval {low:+.2f} to {high:+.2f}): {verdict}."
    )
