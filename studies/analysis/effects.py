"""Signed effect of each text, with an interval, from the randomized trials.

The estimand is the average change of the final score when a text is included, each of the other texts being included
with probability one half (the Banzhaf value; Wang and Jia, 2023, arXiv 2205.15466), at the study's token budget
and at the settings of the randomized trials. The sampler's own choices and pruned trials are left out: they were
selected by their scores, so intervals from them are not valid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState
from scipy.stats import false_discovery_control

from search.storage.records import TrialRecord
from studies.analysis import CONFIDENCE
from studies.analysis.regression import Estimate, fits, least_squares
from studies.analysis.sequential import adjusted

Verdict = Literal["helps", "hurts", "no evidence yet"]
Method = Literal["regression", "differences", "alone", "none"]
"""`regression`: all texts jointly; `differences`: one text at a time, if there are too few pairs for a joint fit;
`alone`: from trials on that text alone; `none`: too few trials for an interval."""
Outcome = Callable[[TrialRecord], float | None]
"""Function that returns the measured outcome of a complete trial; None if it was not measured."""

Estimator = Callable[[Iterable[TrialRecord], Sequence[str], Outcome | None], list["TextEffect"]]
"""Function of trials, text names and an outcome (None: the score) that returns the effects of the texts."""

FEWEST_PAIRS = 5
"""Minimum number of differences for an interval. If one text dominates, the differences of every other text are nearly
plus or minus one number, and three or four of them are too often equal by chance.
"""
SPARE_PAIRS = 3
"""Pairs beyond the number of texts that the joint regression needs."""


@dataclass(frozen=True, slots=True)
class TextEffect:
    """The effect on the score of including a text."""

    text: str
    estimate: Estimate
    adjusted: float
    """p-value of one reading, corrected for the number of texts (Benjamini and Hochberg, 1995); 1 if there is no
    interval."""
    adjusted_anytime: float
    """p-value that holds however often the study is read, corrected for the number of texts (closed e-BH)."""
    blocks: int
    """Number of pairs of randomized trials; for the method `alone`, number of the text's own trials."""
    method: Method

    @property
    def effect(self) -> float:
        """Change of the score, in the score's unit; nan if there are no pairs."""
        return self.estimate.value

    @property
    def low(self) -> float:
        """Lower end of the effect's 95% interval for one reading; minus infinity if there are too few trials."""
        return self.estimate.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the effect's 95% interval for one reading; infinity if there are too few trials."""
        return self.estimate.interval()[1]

    @property
    def low_anytime(self) -> float:
        """Lower end of the effect's 95% confidence sequence, which holds at all readings together."""
        return self.estimate.sequence()[0]

    @property
    def high_anytime(self) -> float:
        """Upper end of the effect's 95% confidence sequence; infinity if there are too few trials."""
        return self.estimate.sequence()[1]

    @property
    def verdict(self) -> Verdict:
        """`helps` or `hurts` if the effect is significant however often the study is read, and for all its texts."""
        if self.adjusted_anytime > 1 - CONFIDENCE:
            return "no evidence yet"
        return "helps" if self.effect > 0 else "hurts"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of randomized trials: a mix and its complement, with equal hyperparameters and seed."""

    signs: NDArray[np.float64]
    """Shape (pairs, texts): 1 if the text is in the pair's first trial, -1 if it is in the second, 0 if it is in
    neither because it was not in the study."""
    outcomes: NDArray[np.float64]
    """Outcomes of the first and the second trial, shape (pairs, 2)."""
    firsts: tuple[TrialRecord, ...]

    @property
    def differences(self) -> NDArray[np.float64]:
        """Outcome of the first trial minus that of the second, shape (pairs,)."""
        return self.outcomes[:, 0] - self.outcomes[:, 1]

    def __len__(self) -> int:
        return len(self.firsts)


def final_score(record: TrialRecord) -> float | None:
    """Return the score at the full token budget."""
    return record.score


def text_effects(
    records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome | None = None
) -> list[TextEffect]:
    """Return the effect of every text on an outcome, most helpful first.

    Both trials of a pair share hyperparameters and seed and train on complementary mixes, so their difference
    d in score depends on the texts alone: d = sum over texts of s * effect, with s = +1 if the text is in the
    first trial and -1 if it is in the second. The effects are estimated by least squares over all texts. If there are
    too few pairs, each text's effect is the mean of s * d, which the random design keeps unbiased (inverse propensity
    weighting, with a propensity of one half).
    """
    records = list(records)
    pairs = paired(records, [*texts, *other_texts(records, texts)], outcome or final_score)
    estimates, drawn, method = _estimates(pairs, len(texts))
    return judged(texts, estimates, drawn, method)


def other_texts(records: Iterable[TrialRecord], texts: Sequence[str]) -> list[str]:
    """Return the texts that randomized trials have and the study no longer has, by name."""
    return sorted({name for record in records if record.randomized for name in record.texts} - set(texts))


def judged(
    texts: Sequence[str], estimates: Sequence[Estimate], blocks: Sequence[int], method: Method
) -> list[TextEffect]:
    """Return effects with p-values corrected for the number of texts, most helpful first."""
    raw = [estimate.p if math.isfinite(estimate.stderr) else 1.0 for estimate in estimates]
    once = false_discovery_control(raw) if raw else raw
    anytime = adjusted([estimate.e_value for estimate in estimates])
    effects = [
        TextEffect(text, estimate, float(p), always, number, method if math.isfinite(estimate.stderr) else "none")
        for text, estimate, p, always, number in zip(texts, estimates, once, anytime, blocks, strict=True)
    ]
    return sorted(effects, key=lambda effect: -np.nan_to_num(effect.effect))


def _estimates(pairs: Pairs, texts: int) -> tuple[list[Estimate], list[int], Method]:
    """Return the effect of every text, the number of pairs on which it rests, and how it was estimated.

    Args:
        pairs: complete pairs; columns beyond the texts are of texts that the study no longer has.
        texts: number of texts.
    """
    signs, differences = pairs.signs, pairs.differences
    drawn = np.abs(signs).sum(axis=0).astype(int)
    with np.errstate(invalid="ignore"):
        means = (signs * differences[:, None]).sum(axis=0) / drawn
    estimates = [Estimate(float(mean), math.inf, 1) for mean in means[:texts]]
    enough = drawn >= FEWEST_PAIRS
    if not enough[:texts].any():
        return estimates, drawn[:texts].tolist(), "none"
    rows = _rows_of(signs, enough, texts)
    signs, differences = signs[rows][:, enough], differences[rows]
    method: Method = "regression" if fits(signs, SPARE_PAIRS) else "differences"
    if method == "regression":
        found = least_squares(signs, differences, tails=True)
    else:
        found = [least_squares(signs[:, [i]], differences)[0] for i in range(signs.shape[1])]
    used = np.abs(signs).sum(axis=0).astype(int)
    for place, estimate, number in zip(np.flatnonzero(enough).tolist(), found, used.tolist(), strict=True):
        if place < texts:
            estimates[place], drawn[place] = estimate, number
    return estimates, drawn[:texts].tolist(), method


def _rows_of(signs: NDArray[np.float64], enough: NDArray[np.bool_], texts: int) -> NDArray[np.bool_]:
    """Return the pairs to use: without texts that were added too recently to be rated, if that leaves enough of them.

    Otherwise, and for removed texts that were drawn too rarely, the text is one more cause of scatter: its coins were
    independent of the others.
    """
    rows = np.logical_not(signs[:, :texts][:, ~enough[:texts]].any(axis=1))
    left = np.abs(signs[rows][:, enough]).sum(axis=0)
    return np.asarray(rows if (left >= FEWEST_PAIRS).all() else np.ones(len(signs), dtype=bool))


def paired(records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome = final_score) -> Pairs:
    """Return the complete pairs of randomized trials."""
    members = members_of(records, outcome)
    mixes = [(first.texts, second.texts) for (first, _), (second, _) in members]
    signs = np.array([[float((text in first) - (text in second)) for text in texts] for first, second in mixes])
    outcomes = np.array([[one, other] for (_, one), (_, other) in members], dtype=float)
    firsts = tuple(first for (first, _), _ in members)
    return Pairs(signs.reshape(len(firsts), len(texts)), outcomes.reshape(len(firsts), 2), firsts)


def members_of(
    records: Iterable[TrialRecord], outcome: Outcome
) -> list[tuple[tuple[TrialRecord, float], tuple[TrialRecord, float]]]:
    """Return both trials of every complete pair, with their outcomes."""
    members: dict[int, list[tuple[TrialRecord, float]]] = {}
    for record in sorted(records, key=lambda record: record.number):
        if record.randomized and record.pair is not None and record.state is TrialState.COMPLETE:
            value = outcome(record)
            if value is not None:
                members.setdefault(record.pair, []).append((record, value))
    return [(pair[0], pair[1]) for pair in members.values() if len(pair) == 2]
