"""Effect of each text on its own, from studies whose trials train on one text each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from optuna.trial import TrialState

from search.storage.records import TrialRecord
from studies.analysis.effects import Outcome, TextEffect, judged
from studies.analysis.regression import Estimate, least_squares

FEWEST_TRIALS = 3
"""Minimum number of trials of a text for an interval."""


def effects_alone(
    records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome | None = None
) -> list[TextEffect]:
    """Return the mean gain over the untouched base of training on each text alone, most helpful first.

    A block of randomized trials trains on every text once, with equal hyperparameters and seed. The trials of a text
    are in different blocks, hence independent, and their mean has Student's interval. The base's value is stored for
    the score only: for any other outcome, a trial's gain is its difference from the mean of its complete block.
    """
    gains: dict[str, list[float]] = {text: [] for text in texts}
    blocks: dict[int | None, list[tuple[str, float]]] = {}
    for record in records:
        if record.randomized and record.state is TrialState.COMPLETE and len(record.texts) == 1:
            value = record.rungs[-1].gain if outcome is None else outcome(record)
            if value is not None:
                blocks.setdefault(record.pair, []).append((record.texts[0], value))
    for block in blocks.values():
        if outcome is None or len(block) == len(texts):
            baseline = 0.0 if outcome is None else float(np.mean([value for _, value in block]))
            for text, value in block:
                gains[text].append(value - baseline)
    return judged(texts, [_mean(gains[text]) for text in texts], [len(gains[text]) for text in texts], "alone")


def _mean(gains: Sequence[float]) -> Estimate:
    if len(gains) < FEWEST_TRIALS:
        return Estimate(float(np.mean(gains)) if gains else math.nan, math.inf, 1)
    return least_squares(np.ones((len(gains), 1)), np.array(gains))[0]
