"""Gaussian process whose kernel is a sum of parts with unknown variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from search.samplers.mixture.encoding import Matrix, Vector
from search.samplers.mixture.kernels import Features, Parts

_NOISE = 0.05
_SPREAD = 1.0
"""Standard deviation of the logarithm of a variance, before any score is known."""
_WIDEST = 8.0
_JITTER = 1e-8
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Process:
    """A fitted process."""

    parts: Parts
    seen: Features
    variances: Vector
    """Variance of every part, and last that of the noise."""
    lower: Matrix
    """Cholesky factor of the covariance of the observations."""
    weights: Vector

    @classmethod
    def fitted(cls, parts: Parts, points: Matrix, scores: Vector, extra: Vector) -> Self:
        """Fit the variances, at the maximum of their posterior; without scores they are as expected.

        Args:
            parts: parts of the kernel.
            points: observed points, shape (points, parameters).
            scores: standardized scores.
            extra: variance of each observation in addition to the noise.

        Raises:
            numpy.linalg.LinAlgError: the covariance is not positive definite.
        """
        seen = parts.features(points)
        stack = parts.between(seen, seen)
        prior = np.log(np.append(parts.prior, _NOISE))
        bounds = [(center - _WIDEST, center + _WIDEST) for center in prior]
        inputs = (stack, scores, extra, prior)
        steps = {"maxiter": _STEPS if len(scores) else 0}
        found = minimize(_loss, prior, inputs, jac=True, method="L-BFGS-B", bounds=bounds, options=steps)
        variances = np.exp(found.x)
        return cls._solved(parts, seen, variances, _covariance(variances, stack, extra), scores)

    @classmethod
    def _solved(cls, parts: Parts, seen: Features, variances: Vector, covariance: Matrix, scores: Vector) -> Self:
        lower = np.asarray(np.linalg.cholesky(covariance), np.float64)
        return cls(parts, seen, variances, lower, np.asarray(cho_solve((lower, True), scores), np.float64))

    def believing(self, points: Matrix) -> Self:
        """Return the process after it has seen its own mean at points whose trials still run (a kriging believer)."""
        asked = self.parts.features(points)
        mean, _ = self.predict(asked)
        seen = self.seen.and_also(asked)
        old = self.lower @ self.lower.T
        extra = np.zeros(len(old) + len(points))
        covariance = _covariance(self.variances, self.parts.between(seen, seen), extra)
        covariance[: len(old), : len(old)] = old
        return self._solved(self.parts, seen, self.variances, covariance, np.append(old @ self.weights, mean))

    def predict(self, points: Features) -> tuple[Vector, Vector]:
        """Return the mean and the standard deviation of the true score at points."""
        across = np.tensordot(self.variances[:-1], self.parts.between(points, self.seen), 1)
        reached = solve_triangular(self.lower, across.T, lower=True, check_finite=False)
        variance = self.variances[:-1] @ self.parts.alone(points) - (reached**2).sum(axis=0)
        return across @ self.weights, np.sqrt(np.maximum(variance, 1e-12))


def _covariance(variances: Vector, stack: Matrix, extra: Vector) -> Matrix:
    covariance = np.tensordot(variances[:-1], stack, 1)
    covariance[np.diag_indices_from(covariance)] += variances[-1] + extra + _JITTER
    return covariance


def _loss(logs: Vector, stack: Matrix, scores: Vector, extra: Vector, prior: Vector) -> tuple[float, Vector]:
    """Return the negative logarithm of the posterior of the variances, and its gradient."""
    variances = np.exp(logs)
    factor = cho_factor(_covariance(variances, stack, extra), lower=True, check_finite=False)
    weights = cho_solve(factor, scores, check_finite=False)
    inverse = cho_solve(factor, np.eye(len(scores)), check_finite=False)
    inner = np.outer(weights, weights) - inverse
    slopes = np.append(np.tensordot(stack, inner, 2), np.trace(inner)) * variances
    away = (logs - prior) / _SPREAD
    away[0] = 0.0
    slopes[0] = 0.0  # the level of the scores keeps its wide prior
    value = 0.5 * scores @ weights + np.log(np.diag(factor[0])).sum() + 0.5 * away @ away
    return float(value), -0.5 * slopes + away / _SPREAD
