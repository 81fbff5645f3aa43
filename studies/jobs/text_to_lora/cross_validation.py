"""How far predictions for texts that were never trained on can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr

from studies.analysis import CONFIDENCE

_FEWEST = 4
"""Texts that an interval needs."""


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """A network's predictions for texts that it had not seen, against what the study had found."""

    predicted: Mapping[str, float]
    """Name of a text to the gain of the adapter written for it by a network that had not seen it."""
    rated: Mapping[str, float]
    """Name of a text to its effect in the study."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Those that have both."""
        return tuple(name for name in self.predicted if math.isfinite(self.rated.get(name, math.nan)))

    @property
    def correlation(self) -> float:
        """Spearman's, between -1 and 1; nan where there are too few texts, or all predictions are the same."""
        said, found = self._columns()
        if len(said) < _FEWEST or not np.ptp(said) or not np.ptp(found):
            return math.nan
        return float(spearmanr(said, found).statistic)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the correlation, by Fisher's z with the variance of Bonett and Wright (2000)."""
        rho, number = self.correlation, len(self.texts)
        if not math.isfinite(rho):
            return math.nan, math.nan
        within = min(max(rho, -0.999), 0.999)
        wide = norm.ppf((1 + CONFIDENCE) / 2) * math.sqrt((1 + within**2 / 2) / (number - 3))
        low, high = np.tanh(np.arctanh(within) - wide), np.tanh(np.arctanh(within) + wide)
        return float(low), float(high)

    @property
    def shown(self) -> bool:
        """Whether predictions are better than guessing: the interval is above zero."""
        return self.interval[0] > 0

    def effect(self, gain: float) -> float:
        """The effect that a gain foretells: least squares through the checked texts.

        Where their ranks or the line go the other way, or predictions are all the same, every text is foretold the mean
        effect. nan where nothing was checked.
        """
        said, found = self._columns()
        if len(said) < _FEWEST:
            return math.nan
        middle, spread = float(said.mean()), float(np.var(said))
        slope = float(np.mean((said - middle) * (found - found.mean()))) / spread if spread else 0.0
        return float(found.mean()) + (max(0.0, slope) if self.correlation > 0 else 0.0) * (gain - middle)

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

    def _columns(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
        names = self.texts
        return np.array([self.predicted[name] for name in names]), np.array([self.rated[name] for name in names])


def trust_words(trust: CrossValidation) -> str:
    """The check in a sentence."""
    number = len(trust.texts)
    if not math.isfinite(trust.correlation):
        return (
            "How good predictions for new texts are was not checked (--folds 0, or a study that rates no texts), or "
            "could not be, with too few texts: do not trust them."
        )
    low, high = trust.interval
    verdict = "not shown to be better than guessing"
    if low > 0 or high < 0:
        verdict = "better than guessing" if low > 0 else "worse than guessing, so every text is foretold the mean"
    return (
        f"On {number} texts of the study that the network had not seen, the rank correlation with their rated effects "
        f"is {trust.correlation:+.2f} ({CONFIDENCE:.0%} interval {low:+.2f} to {high:+.2f}): {verdict}."
    )
