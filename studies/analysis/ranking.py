"""Ranking of the texts from all trials, including pruned ones, with the probability of being among the best.

The headline effects use the randomized trials only, so that their intervals are valid. The ranking also uses the
trials that the sampler chose: a Gaussian process models the score as a function of texts and settings.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Kernel, WhiteKernel

from search.designs import BalancedAssignments
from search.storage.records import TrialRecord
from studies.analysis.columns import Columns
from studies.analysis.effects import TextEffect, other_texts
from studies.analysis.encoding import settings_of

TOP = 3
FEWEST_TRIALS = 8
"""Minimum number of complete randomized trials for a ranking."""
_LOWEST_CORRELATION = 0.3
"""Pruned trials are left out if the scores of their last rung correlate less than this with the final scores."""
_LEAST_NOISE = 0.05
"""Lower bound of the noise, as a share of the score variance: products of texts could fit a few trials exactly."""
_FITTED = 400
"""Maximum number of latest trials to which the kernel's parameters are fitted: the cost is cubic in it."""
_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Ranked:
    """A text in the ranking."""

    text: str
    effect: float
    """Posterior mean of the effect, in the score's unit."""
    spread: float
    """Posterior standard deviation of the effect, in the score's unit."""
    top: float
    """Probability that the text is among the `TOP` best, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class _FinalScores:
    """Final scores, observed or predicted from a rung."""

    records: tuple[TrialRecord, ...]
    scores: NDArray[np.float64]
    """Scores standardized by the mean and standard deviation of the randomized trials."""
    variances: NDArray[np.float64]
    """Variance of the predicted scores; 0 for observed scores."""
    unit: float
    """Standard deviation by which the scores are divided, in the score's unit."""


def rank_texts(records: Sequence[TrialRecord], texts: Sequence[str], seed: int = 0) -> list[Ranked]:
    """Rank all texts, best first; empty if there are too few trials.

    The kernel is linear in the texts, plus products of two texts, plus a smooth function of the settings, plus
    noise. Effects are posterior predictions for a balanced study: the mean score of mixes with the text minus
    that of mixes without it, at the settings of the randomized trials.
    """
    observed = _final_scores(records)
    if observed is None or not texts:
        return []
    ranked, texts = texts, [*texts, *other_texts(records, texts)]  # removed texts still explain scores
    inputs = np.column_stack([_signs(observed.records, texts), settings_of(observed.records)])
    process = _fitted(inputs, observed, len(texts))
    randomized = inputs[[record.randomized for record in observed.records], len(texts) :]
    signs = 2.0 * BalancedAssignments(len(texts), seed).block(0) - 1
    settings = randomized[np.linspace(0, len(randomized) - 1, len(signs)).astype(int)]
    mixes = np.column_stack([np.vstack([signs, -signs]) / np.sqrt(len(texts)), np.vstack([settings, settings])])
    contrast = np.vstack([signs, -signs]).T / len(signs)
    mean, covariance = process.predict(mixes, return_cov=True)
    effects, spread = contrast @ mean, contrast @ covariance @ contrast.T
    draws = np.random.default_rng(seed).multivariate_normal(effects, spread, _DRAWS, method="svd")
    return _ranked(ranked, observed.unit * draws[:, : len(ranked)])


def _final_scores(records: Sequence[TrialRecord]) -> _FinalScores | None:
    """Return complete trials with their scores, and pruned trials with the score predicted from their last rung.

    A pruned trial's score is (score at the rung - mean) / (spread * correlation with the final score), all three
    over the randomized trials, which are never pruned. Pruning depends only on these observed scores, so it needs no
    further correction (Rubin, 1976).
    """
    complete = [record for record in records if record.state is TrialState.COMPLETE]
    rungs = max((len(record.rungs) for record in complete), default=0)
    randomized = [r for r in complete if r.randomized and len(r.rungs) == rungs]
    curves = [[rung.score for rung in record.rungs] for record in randomized]
    if len(curves) < FEWEST_TRIALS:
        return None
    course = np.array(curves)
    mean, spread = course.mean(axis=0), course.std(axis=0)
    if np.ptp(course[:, -1]) == 0:
        return None
    rows = []
    for record in sorted(records, key=lambda record: record.number):
        if record.state is TrialState.COMPLETE:
            rows.append((record, (record.rungs[-1].score - mean[-1]) / spread[-1], 0.0))
        elif record.state is TrialState.PRUNED and record.rungs:
            last = len(record.rungs) - 1
            at_rung, final = course[:, last], course[:, -1]
            correlation = float(np.corrcoef(at_rung, final)[0, 1]) if np.ptp(at_rung) else 0.0
            if correlation >= _LOWEST_CORRELATION:
                score = (record.rungs[-1].score - mean[last]) / (spread[last] * correlation)
                rows.append((record, score, 1 / correlation**2 - 1))
    trials, scores, variances = zip(*rows, strict=True)
    return _FinalScores(trials, np.array(scores), np.array(variances), float(spread[-1]))


def _signs(records: Sequence[TrialRecord], texts: Sequence[str]) -> NDArray[np.float64]:
    """Return 1 if a text is in the mix, else -1, scaled to rows of length 1, shape (records, texts)."""
    signs = np.array([[1.0 if text in record.texts else -1.0 for text in texts] for record in records])
    return np.asarray(signs / np.sqrt(len(texts)))


def _fitted(inputs: NDArray[np.float64], observed: _FinalScores, texts: int) -> GaussianProcessRegressor:
    """Return the posterior of the noise-free score given all trials; the latest ones determine the kernel."""
    variances = observed.variances + 1e-6
    latest = slice(-_FITTED, None)
    kernel = _kernel(texts, inputs.shape[1] - texts) + WhiteKernel(0.1, (_LEAST_NOISE, 10))
    process = GaussianProcessRegressor(kernel, alpha=variances[latest])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a kernel parameter at its bound: an unneeded term
        process.fit(inputs[latest], observed.scores[latest])
    smooth, noise = process.kernel_.k1, process.kernel_.k2.noise_level
    return GaussianProcessRegressor(smooth, alpha=variances + noise, optimizer=None).fit(inputs, observed.scores)


def _kernel(texts: int, settings: int) -> Kernel:
    alone = Columns(DotProduct(0, "fixed"), 0, texts)
    in_pairs = Columns(DotProduct(0, "fixed") ** 2, 0, texts)
    kernel = _weight(1) * alone + _weight(0.3) * in_pairs
    return kernel + _weight(1) * Columns(RBF(1, (0.3, 10)), texts, texts + settings) if settings else kernel


def _weight(size: float) -> Kernel:
    return ConstantKernel(size, (1e-4, 1e2))


def rank_by(effects: Sequence[TextEffect], seed: int = 0, *, sum_to_zero: bool = False) -> list[Ranked]:
    """Rank texts by their effects alone, with Student's t errors; texts without an interval are left out.

    Args:
        effects: effects of all texts.
        seed: seed of the simulated draws.
        sum_to_zero: whether effects sum to zero, as those of shares do; else effects are independent.
    """
    rated = [effect for effect in effects if math.isfinite(effect.estimate.stderr)]
    rng = np.random.default_rng(seed)
    errors = np.array([e.estimate.stderr * rng.standard_t(e.estimate.freedom, _DRAWS) for e in rated]).T
    if sum_to_zero and len(rated) > 1:
        errors = (errors - errors.mean(axis=1, keepdims=True)) * math.sqrt(len(rated) / (len(rated) - 1))
    means = np.array([effect.effect for effect in rated])
    return _ranked([effect.text for effect in rated], means + errors) if rated else []


def _ranked(texts: Sequence[str], draws: NDArray[np.float64]) -> list[Ranked]:
    """Rank texts by draws of their effects, shape (draws, texts)."""
    best = np.argsort(-draws, axis=1)[:, :TOP]
    top = np.bincount(best.ravel(), minlength=len(texts)) / len(draws)
    effects, spread = draws.mean(axis=0), draws.std(axis=0)
    ranking = [Ranked(*row) for row in zip(texts, effects.tolist(), spread.tolist(), top.tolist(), strict=True)]
    return sorted(ranking, key=lambda ranked: -ranked.effect)
