"""What more of a text does at the cost of others, from studies of shares or of so many texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from search.storage.records import TrialRecord
from studies.analysis.effects import FEWEST_PAIRS, SPARE_PAIRS, Outcome, TextEffect, final_score, judged, members_of
from studies.analysis.regression import Estimate, fits, least_squares

POINTS = 10
"""An effect is that of so many points of share."""


def share_effects(
    records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome | None = None
) -> list[TextEffect]:
    """The change of an outcome when a text gets 10 points more of the training tokens, most helpful first.

    The points are taken from the other texts, the same from each (the direction of Cox, 1971, about the even mix).
    """
    return _effects(records, texts, outcome, lambda record: _shares(record, texts) * 100 / POINTS)


def swap_effects(
    records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome | None = None
) -> list[TextEffect]:
    """The change of an outcome when a text takes the place of another in the mix, most helpful first.

    Which other is left to chance: both mixes of a pair have as many texts. Texts weigh more in small mixes, and small
    mixes move few texts, so pairs count the same: the effect is the mean over the sizes that are drawn.
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
    """Effects of amounts of texts whose sum never changes, shape (texts,) for each trial.

    Both trials of a pair share hyperparameters and seed, so the difference of their outcomes is regressed on that of
    their amounts; where there are not enough pairs for all texts at once, on each text's amount by itself.
    `evenly`: let every pair count the same, however much it moves.
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
    together = fits(_columns(moved, 0), SPARE_PAIRS)
    designs = [_columns(moved, i) if together else moved[:, [i]] for i in range(len(texts))]
    unknown = Estimate(math.nan, math.inf, 1)
    estimates = [least_squares(d, differences)[0] if fits(d, SPARE_PAIRS - 1) else unknown for d in designs]
    return judged(texts, estimates, [len(pairs)] * len(texts), "regression" if together else "differences")


def _shares(record: TrialRecord, texts: Sequence[str]) -> NDArray[np.float64]:
    """Share of every text in a trial's mix."""
    shares = dict(record.config.mix.weights)
    return np.array([shares.get(text, 0.0) for text in texts])


def _columns(moved: NDArray[np.float64], text: int) -> NDArray[np.float64]:
    """Moves of one text's share, and what else the others' shares did, one of them left out: all sum to nothing."""
    share = moved[:, [text]]
    others = np.delete(moved, text, axis=1)
    rest = others + share / others.shape[1]
    return np.column_stack([share, rest[:, :-1]])
