"""Effects of more of a text at the expense of others, from studies of shares or of a fixed number of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from search.storage.records import TrialRecord
from studies.analysis.effects import FEWEST_PAIRS, SPARE_PAIRS, Outcome, TextEffect, final_score, judged, members_of
from studies.analysis.regression import Estimate, fits, least_squares

POINTS = 10
"""Percentage points of share per unit of effect."""


def share_effects(
    records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome | None = None
) -> list[TextEffect]:
    """Return the change of an outcome when a text's share of the training tokens grows by 10 points, by effect.

    The points are taken equally from the other texts (the direction of Cox, 1971, about the even mix).
    """
    return _effects(records, texts, outcome, lambda record: _shares(record, texts) * 100 / POINTS)


def swap_effects(
    records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome | None = None
) -> list[TextEffect]:
    """Return the change of an outcome when a text replaces another text of the mix, most helpful first.

    The other text is random: both mixes of a pair have the same number of texts. Texts weigh more in small mixes, and
    small mixes exchange few texts, so all pairs have equal weight: the effect is the mean over the drawn sizes.
    """
    return _effects(
        records, texts, outcome, lambda record: np.array([text in record.texts for text in texts], float), evenly=True
    )


def _effects(
    records: Iterable[TrialRecord],
    texts: Sequence[str],
    outcome: Outcome | None,
    amounts: Callable[[TrialRecord], NDArray[np.float64]],
    *,
    evenly: bool = False,
) -> list[TextEffect]:
    """Return the effects of text amounts, shape (texts,) per trial, whose sum is constant.

    Both trials of a pair share hyperparameters and seed, so the difference of their outcomes is regressed on that of
    their amounts; if there are too few pairs for all texts at once, on each text's amount separately.
    `evenly`: give every pair the same weight, however much its amounts differ.
    """
    pairs = members_of(records, outcome or final_score)
    moved = np.array([amounts(one) - amounts(other) for (one, _), (other, _) in pairs])
    moved = moved.reshape(len(pairs), len(texts))
    differences = np.array([first - second for (_, first), (_, second) in pairs])
    if evenly:
        moves = np.sqrt(np.abs(moved).sum(axis=1))
        moved, differences = moved / moves[:, None], differences / moves
    if len(pairs) < FEWEST_PAIRS:
        return judged(texts, [Estimate(math.nan, math.inf, 1)] * len(texts), [len(pairs)] * len(texts), "none")
    jointly = fits(_columns(moved, 0), SPARE_PAIRS)
    designs = [_columns(moved, i) if jointly else moved[:, [i]] for i in range(len(texts))]
    unknown = Estimate(math.nan, math.inf, 1)
    estimates = [least_squares(d, differences)[0] if fits(d, SPARE_PAIRS - 1) else unknown for d in designs]
    return judged(texts, estimates, [len(pairs)] * len(texts), "regression" if jointly else "differences")


def _shares(record: TrialRecord, texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the share of every text in a trial's mix, shape (texts,)."""
    shares = dict(record.config.mix.weights)
    return np.array([shares.get(text, 0.0) for text in texts])


def _columns(moved: NDArray[np.float64], text: int) -> NDArray[np.float64]:
    """Return the changes of one text's share, and the other shares' deviations, one dropped since all sum to zero."""
    share = moved[:, [text]]
    others = np.delete(moved, text, axis=1)
    rest = others + share / others.shape[1]
    return np.column_stack([share, rest[:, :-1]])
