"""Least squares with standard errors that are valid in small samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from studies.analysis import CONFIDENCE
from studies.analysis.sequential import e_value, reach

_ROUNDING = 1e-9
"""Relative tolerance: smaller differences of outcomes are rounding errors."""
_LIGHT_TAILS = 2.75
"""Kurtosis of residuals up to which they count as normal; that of a few normal ones is a little below 3."""
_SURE_OF_TAILS = 30
"""Spare rows from which a large kurtosis counts in full: that of fewer residuals is often large by chance."""
_LARGEST_LEVERAGE = 0.95
"""Upper bound of leverage: a row with more determines its own fit, and its residual says nothing."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A regression coefficient with its standard error and degrees of freedom."""

    value: float
    stderr: float
    """Standard error; infinite if there are too few data."""
    freedom: float
    """Degrees of freedom of Student's t."""
    pairs: float = 0.0
    """Number of rows, less the share of the column that the other columns explain; 0 without a standard error."""

    @property
    def p(self) -> float:
        """Two-sided p-value of the coefficient being zero."""
        return float(2 * student.sf(abs(self.value) / self.stderr, self.freedom))

    def interval(self) -> tuple[float, float]:
        """Return the two ends of the coefficient's 95% interval."""
        if not math.isfinite(self.stderr):
            return -math.inf, math.inf
        half = self.quantile((1 + CONFIDENCE) / 2) * self.stderr
        return self.value - half, self.value + half

    @property
    def e_value(self) -> float:
        """Evidence against a coefficient of zero that is valid at any time (`studies.analysis.sequential`)."""
        return e_value(self.value / self.stderr, self.freedom, self.pairs) if math.isfinite(self.stderr) else 1.0

    def sequence(self) -> tuple[float, float]:
        """Return the two ends of the coefficient's 95% confidence sequence, valid at any time."""
        half = float(reach(1 - CONFIDENCE, self.freedom, self.pairs))
        if not math.isfinite(self.stderr) or math.isinf(half):
            return -math.inf, math.inf
        return self.value - half * self.stderr, self.value + half * self.stderr

    def quantile(self, probability: float) -> float:
        """Return a quantile of Student's t with these degrees of freedom."""
        return float(student.ppf(probability, self.freedom))


def fits(columns: NDArray[np.float64], spare: int) -> bool:
    """Return whether columns, shape (rows, columns), have full rank, `spare` extra rows and no row of high leverage."""
    rows, number = columns.shape
    if rows < number + spare or np.linalg.matrix_rank(columns) < number:
        return False
    q, _ = np.linalg.qr(columns)
    return bool((q**2).sum(axis=1).max() < _LARGEST_LEVERAGE)


def least_squares(
    columns: NDArray[np.float64], outcomes: NDArray[np.float64], *, tails: bool = False
) -> list[Estimate]:
    """Return the coefficient of every column, with HC2 errors (MacKinnon and White, 1985) and Bell and McCaffrey's
    degrees of freedom (2002; Imbens and Kolesár, 2016).

    Args:
        columns: shape (rows, columns), of full rank; no intercept is added.
        outcomes: shape (rows,); if all are equal, their spread is unknown and the standard errors are infinite.
        tails: whether heavy-tailed residuals get HC3 errors and fewer degrees of freedom, gradually with their
            kurtosis: where a few rare mixes are worth far less than the others, most samples do not contain one, and
            HC2 intervals are too narrow.
    """
    if np.ptp(outcomes) <= _ROUNDING * np.abs(outcomes).max(initial=0):
        return [Estimate(float(value), math.inf, 1) for value in np.linalg.pinv(columns) @ outcomes]
    parts = np.linalg.pinv(columns)  # weights of the outcomes in each coefficient
    annihilator = np.eye(len(columns)) - columns @ parts
    residuals, left = annihilator @ outcomes, np.diag(annihilator)
    spare = len(columns) - columns.shape[1]
    heaviness = np.clip(_kurtosis(residuals / np.sqrt(left)) - _LIGHT_TAILS, 0, 1) if tails else 0
    heaviness *= min(1.0, spare / _SURE_OF_TAILS)
    terms = (parts * residuals) ** 2 / left ** (1 + heaviness)  # HC2, or up to HC3
    weights = parts**2 / left
    freedom = (parts**2).sum(axis=1) ** 2 / np.einsum("ia,ab,ib->i", weights, annihilator**2, weights)
    if tails:
        freedom = np.maximum(1, freedom * np.minimum(1, 3 / _kurtosis(np.sqrt(terms), axis=1)))
    stderrs = np.sqrt(terms.sum(axis=1))
    least = _ROUNDING * float(np.abs(outcomes).max())  # residuals of a perfect fit are rounding errors
    drawn = np.count_nonzero(columns, axis=0)
    pairs = drawn / ((parts**2).sum(axis=1) * (columns**2).sum(axis=0))  # rows over the inflation of variance
    return [
        Estimate(float(value), max(float(stderr), least), float(degrees), float(number))
        for value, stderr, degrees, number in zip(parts @ outcomes, stderrs, freedom, pairs, strict=True)
    ]


def _kurtosis(values: NDArray[np.float64], axis: int | None = None) -> NDArray[np.float64]:
    """Return the fourth moment around zero over the square of the second; 3 for normal values and for zeros."""
    second, fourth = (values**2).mean(axis=axis), (values**4).mean(axis=axis)
    return np.asarray(np.divide(fourth, second**2, out=np.full_like(fourth, 3.0), where=second > 0))
