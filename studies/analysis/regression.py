"""Least squares with errors that hold in small samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from studies.analysis import CONFIDENCE

_ROUNDING = 1e-9
"""Smaller differences, relative to the outcomes, are those of floating-point numbers."""
_LARGEST_LEVERAGE = 0.95
"""A row that nearly fits itself has no residual to speak of."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient, with what its interval needs."""

    value: float
    stderr: float
    """Infinite where there is too little to tell."""
    freedom: float
    """Degrees of freedom of Student's t."""

    @property
    def p(self) -> float:
        """Two-sided, of the coefficient being zero."""
        return float(2 * student.sf(abs(self.value) / self.stderr, self.freedom))

    def interval(self) -> tuple[float, float]:
        """The two ends of its 95% interval."""
        if not math.isfinite(self.stderr):
            return -math.inf, math.inf
        half = self.quantile((1 + CONFIDENCE) / 2) * self.stderr
        return self.value - half, self.value + half

    def quantile(self, probability: float) -> float:
        """A quantile of Student's t with these degrees of freedom."""
        return float(student.ppf(probability, self.freedom))


def fits(columns: NDArray[np.float64], spare: int) -> bool:
    """Whether a regression on these columns, shape (rows, columns), leaves so many rows to spare, and no row alone."""
    rows, number = columns.shape
    if rows < number + spare or np.linalg.matrix_rank(columns) < number:
        return False
    q, _ = np.linalg.qr(columns)
    return bool((q**2).sum(axis=1).max() < _LARGEST_LEVERAGE)


def least_squares(columns: NDArray[np.float64], outcomes: NDArray[np.float64]) -> list[Estimate]:
    """Coefficient of every column, with HC2 errors (MacKinnon and White, 1985) and Bell and McCaffrey's degrees of
    freedom (2002; Imbens and Kolesár, 2016).

    Args:
        columns: shape (rows, columns), of full rank; without an intercept of its own.
        outcomes: shape (rows,); where all are the same nothing is known of their spread, and no error is finite.
    """
    if np.ptp(outcomes) <= _ROUNDING * np.abs(outcomes).max(initial=0):
        return [Estimate(float(value), math.inf, 1) for value in np.linalg.pinv(columns) @ outcomes]
    parts = np.linalg.pinv(columns)  # a coefficient is a weighted sum of outcomes: these are the weights
    annihilator = np.eye(len(columns)) - columns @ parts
    weights = parts**2 / np.diag(annihilator)
    stderrs = np.sqrt(weights @ (annihilator @ outcomes) ** 2)
    freedom = (parts**2).sum(axis=1) ** 2 / np.einsum("ia,ab,ib->i", weights, annihilator**2, weights)
    least = _ROUNDING * float(np.abs(outcomes).max())  # a perfect fit leaves rounding errors, which are no effects
    return [
        Estimate(float(value), max(float(stderr), least), float(degrees))
        for value, stderr, degrees in zip(parts @ outcomes, stderrs, freedom, strict=True)
    ]
