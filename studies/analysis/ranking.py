"""Which texts are best: a ranking from all trials, pruned ones included, with the probability of each place.

The headline effects rest on the randomized trials alone, because their intervals must hold. A ranking may use
what the sampler chose, too: a Gaussian process learns the score as a function of texts and settings.
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
from studies.analysis.effects import TextEffect
from studies.analysis.encoding import settings_of

TOP = 3
FEWEST_TRIALS = 8
"""Complete randomized trials without which nothing is ranked."""
_LOWEST_CORRELATION = 0.3
"""Scores of a rung that tells less than this of the final score are left out."""
_LEAST_NOISE = 0.05
"""Of the variance of scores: the products of a few texts could explain a few trials without any noise."""
_FITTED = 400
"""Trials, the latest, from which the kernel's parameters are fitted: the cost grows with the cube of their number."""
_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Ranked:
    """A text's place."""

    text: str
    effect: float
    """Of including the text, as all trials tell it: the mean of the posterior."""
    spread: float
    """Standard deviation of the posterior."""
    top: float
    """Probability that the text is among the `TOP` best."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Final scores, seen or foreseen from a rung."""

    records: tuple[TrialRecord, ...]
    scores: NDArray[np.float64]
    """In standard deviations over the randomized trials, from their mean."""
    doubt: NDArray[np.float64]
    """Variance of a score that was foreseen; 0 for one that was seen."""
    unit: float
    """Of the scores."""


def rank_texts(records: Sequence[TrialRecord], texts: Sequence[str], seed: int = 0) -> list[Ranked]:
    """All texts, the best first; empty where there are too few trials.

    The kernel is linear in the texts, plus their products two by two, plus any smooth function of the settings, plus
    noise. Effects are what the posterior says of a balanced study: the mean score of mixes with the text less
    that of mixes without it, at the settings of the randomized trials.
    """
    seen = _seen(records)
    if seen is None or not texts:
        return []
    inputs = np.column_stack([_signs(seen.records, texts), settings_of(seen.records)])
    process = _fitted(inputs, seen, len(texts))
    randomized = inputs[[record.randomized for record in seen.records], len(texts) :]
    coins = 2.0 * BalancedAssignments(len(texts), seed).block(0) - 1
    settings = randomized[np.linspace(0, len(randomized) - 1, len(coins)).astype(int)]
    mixes = np.column_stack([np.vstack([coins, -coins]) / np.sqrt(len(texts)), np.vstack([settings, settings])])
    contrast = np.vstack([coins, -coins]).T / len(coins)
    mean, covariance = process.predict(mixes, return_cov=True)
    effects, spread = contrast @ mean, contrast @ covariance @ contrast.T
    draws = np.random.default_rng(seed).multivariate_normal(effects, spread, _DRAWS, method="svd")
    return _ranked(texts, seen.unit * draws)


def _seen(records: Sequence[TrialRecord]) -> _Seen | None:
    """Complete trials with their scores, and pruned ones with what their last rung foretells.

    A pruned trial's score is (score at the rung - mean) / (spread * correlation with the final score), all three
    over the randomized trials, which were never pruned. Which trials were pruned depends on nothing else than
    these same scores, so that it needs no further correction (Rubin, 1976).
    """
    complete = [record for record in records if record.state is TrialState.COMPLETE]
    rungs = max((len(record.rungs) for record in complete), default=0)
    whole = [r for r in complete if r.randomized and len(r.rungs) == rungs]
    curves = [[rung.score for rung in record.rungs] for record in whole]
    if len(curves) < FEWEST_TRIALS:
        return None
    course = np.array(curves)
    mean, spread = course.mean(axis=0), course.std(axis=0)
    if np.ptp(course[:, -1]) == 0:
        return None
    seen = []
    for record in sorted(records, key=lambda record: record.number):
        if record.state is TrialState.COMPLETE:
            seen.append((record, (record.rungs[-1].score - mean[-1]) / spread[-1], 0.0))
        elif record.state is TrialState.PRUNED and record.rungs:
            last = len(record.rungs) - 1
            told = float(np.corrcoef(course[:, last], course[:, -1])[0, 1]) if np.ptp(course[:, last]) else 0.0
            if told >= _LOWEST_CORRELATION:
                seen.append((record, (record.rungs[-1].score - mean[last]) / (spread[last] * told), 1 / told**2 - 1))
    trials, scores, doubt = zip(*seen, strict=True)
    return _Seen(trials, np.array(scores), np.array(doubt), float(spread[-1]))


def _signs(records: Sequence[TrialRecord], texts: Sequence[str]) -> NDArray[np.float64]:
    """1 where a text is in the mix, else -1; scaled so that a mix has the length 1."""
    found = np.array([[1.0 if text in record.texts else -1.0 for text in texts] for record in records])
    return np.asarray(found / np.sqrt(len(texts)))


def _fitted(inputs: NDArray[np.float64], seen: _Seen, texts: int) -> GaussianProcessRegressor:
    """The posterior of the score without noise, given all trials, under the kernel that explains the latest best."""
    doubt = seen.doubt + 1e-6
    latest = slice(-_FITTED, None)
    kernel = _kernel(texts, inputs.shape[1] - texts) + WhiteKernel(0.1, (_LEAST_NOISE, 10))
    process = GaussianProcessRegressor(kernel, alpha=doubt[latest])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound: a term that is not needed
        process.fit(inputs[latest], seen.scores[latest])
    smooth, noise = process.kernel_.k1, process.kernel_.k2.noise_level
    return GaussianProcessRegressor(smooth, alpha=doubt + noise, optimizer=None).fit(inputs, seen.scores)


def _kernel(texts: int, settings: int) -> Kernel:
    alone = Columns(DotProduct(0, "fixed"), 0, texts)
    in_pairs = Columns(DotProduct(0, "fixed") ** 2, 0, texts)
    kernel = _weight(1) * alone + _weight(0.3) * in_pairs
    return kernel + _weight(1) * Columns(RBF(1, (0.3, 10)), texts, texts + settings) if settings else kernel


def _weight(size: float) -> Kernel:
    return ConstantKernel(size, (1e-4, 1e2))


def rank_by(effects: Sequence[TextEffect], seed: int = 0, *, sum_to_nothing: bool = False) -> list[Ranked]:
    """A ranking from effects alone, Student's t about each; texts without an interval have no place.

    Args:
        effects: of all texts.
        seed: of the draws.
        sum_to_nothing: whether what one text gains the others lose, as shares do; else effects are independent.
    """
    known = [effect for effect in effects if math.isfinite(effect.estimate.stderr)]
    rng = np.random.default_rng(seed)
    errors = np.array([e.estimate.stderr * rng.standard_t(e.estimate.freedom, _DRAWS) for e in known]).T
    if sum_to_nothing and len(known) > 1:
        errors = (errors - errors.mean(axis=1, keepdims=True)) * math.sqrt(len(known) / (len(known) - 1))
    means = np.array([effect.effect for effect in known])
    return _ranked([effect.text for effect in known], means + errors) if known else []


def _ranked(texts: Sequence[str], draws: NDArray[np.float64]) -> list[Ranked]:
    """Places by draws of the effects, shape (draws, texts)."""
    best = np.argsort(-draws, axis=1)[:, :TOP]
    top = np.bincount(best.ravel(), minlength=len(texts)) / len(draws)
    effects, spread = draws.mean(axis=0), draws.std(axis=0)
    found = [Ranked(*row) for row in zip(texts, effects.tolist(), spread.tolist(), top.tolist(), strict=True)]
    return sorted(found, key=lambda ranked: -ranked.effect)
