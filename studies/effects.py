"""Which texts matter: the signed effect of each text, with an interval, from the randomised trials.

The estimand is the average change of the final score when a text is included, the other texts being in or
out by fair coins (the Banzhaf value; Wang and Jia, 2023, arXiv 2205.15466), at the study's token budget,
averaged over the hyperparameters of the randomised trials. The sampler's own choices and pruned trials are
left out: they were picked for their scores, and intervals from them do not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from optuna.trial import TrialState

from search.records import TrialRecord

Verdict = Literal["helps", "hurts", "no evidence yet"]

CONFIDENCE = 0.95
"""That the intervals of all texts hold: with 12 texts and 95% for each, every second study of noise names a winner."""
FEWEST_PAIRS = 5
"""Fewer differences than this give no interval at all: where one text outweighs the others, differences of the other
texts are nearly plus or minus one number, and three or four of them are too often alike by chance.
"""
_SPARE_PAIRS = 3
"""Pairs beyond the number of texts that the joint regression needs."""
_LARGEST_LEVERAGE = 0.95
"""A pair that nearly fits itself makes the HC3 error explode (MacKinnon and White, 1985)."""


@dataclass(frozen=True, slots=True)
class TextEffect:
    """What including a text does to the score."""

    text: str
    effect: float
    """Change of the score, in the score's unit; nan before there is a pair."""
    low: float
    """Lower end of the interval; minus infinity where there are too few trials."""
    high: float
    """Upper end of the interval; all intervals of a study hold together with a confidence of 95%."""
    pairs: int
    """Pairs of randomised trials that it rests on."""
    method: Literal["regression", "differences", "none"]
    """`regression`: all texts together; `differences`: each text alone, where pairs are too few for that."""

    @property
    def verdict(self) -> Verdict:
        """`helps` or `hurts` where the interval excludes zero."""
        if self.low > 0:
            return "helps"
        return "hurts" if self.high < 0 else "no evidence yet"


def text_effects(records: Iterable[TrialRecord], texts: Sequence[str]) -> list[TextEffect]:
    """The effect of every text, most helpful first.

    Both trials of a pair share hyperparameters and seed and train on complementary mixes, so their difference
    d in score depends on the texts alone: d = sum over texts of s * effect, with s = +1 where the text is in
    the first trial and -1 where it is in the second. Ordinary least squares with HC3 errors (MacKinnon and
    White, 1985) and Student's t, the error rate shared out among the texts (Bonferroni), so that the intervals of
    all texts hold together; where there are not enough pairs for all texts at once, the mean of s * d for each
    text by itself, which the random design keeps unbiased.
    """
    signs, differences = _differences(list(records), texts)
    pairs = len(differences)
    if pairs < FEWEST_PAIRS:
        means = (signs * differences[:, None]).mean(axis=0) if pairs else np.full(len(texts), np.nan)
        found = [
            TextEffect(text, float(mean), -np.inf, np.inf, pairs, "none")
            for text, mean in zip(texts, means, strict=True)
        ]
    elif _enough(signs):
        fit = _fit(differences, signs, len(texts))
        found = [TextEffect(text, *fit[i], pairs, "regression") for i, text in enumerate(texts)]
    else:
        alone = [_fit(differences, signs[:, [i]], len(texts))[0] for i in range(len(texts))]
        found = [TextEffect(text, *alone[i], pairs, "differences") for i, text in enumerate(texts)]
    return sorted(found, key=lambda effect: -np.nan_to_num(effect.effect))


def lost_pairs(records: Iterable[TrialRecord]) -> int:
    """Pairs of randomised trials that say nothing about texts, because one of the two failed."""
    failed = {r.pair for r in records if r.arm == "randomised" and r.state is TrialState.FAIL}
    return len(failed)


def _differences(records: list[TrialRecord], texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signs, shape (pairs, texts), and differences in score, shape (pairs,), of the pairs that are complete."""
    members: dict[int, list[TrialRecord]] = {}
    for record in sorted(records, key=lambda record: record.number):
        if record.arm == "randomised" and record.pair is not None and record.state is TrialState.COMPLETE:
            members.setdefault(record.pair, []).append(record)
    complete = [pair for pair in members.values() if len(pair) == 2]
    signs = [[1.0 if text in first.texts else -1.0 for text in texts] for first, _ in complete]
    differences = [(first.score or 0.0) - (second.score or 0.0) for first, second in complete]
    return np.array(signs).reshape(len(complete), len(texts)), np.array(differences)


def _enough(signs: NDArray[np.float64]) -> bool:
    pairs, texts = signs.shape
    if pairs < texts + _SPARE_PAIRS or np.linalg.matrix_rank(signs) < texts:
        return False
    q, _ = np.linalg.qr(signs)
    return bool((q**2).sum(axis=1).max() < _LARGEST_LEVERAGE)


def _fit(differences: NDArray[np.float64], signs: NDArray[np.float64], texts: int) -> list[tuple[float, float, float]]:
    """Effect and interval ends for every column, where as many intervals as there are texts must hold together."""
    fit = sm.OLS(differences, signs).fit(cov_type="HC3", use_t=True)
    ends = fit.conf_int(alpha=(1 - CONFIDENCE) / texts)
    return [(float(effect), float(low), float(high)) for effect, (low, high) in zip(fit.params, ends, strict=True)]
