"""What each text does by itself, from studies whose trials train on one text each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from optuna.trial import TrialState

from search.storage.records import TrialRecord
from studies.analysis.effects import Outcome, TextEffect, judged
from studies.analysis.regression import Estimate, least_squares

FEWEST_TRIALS = 3
"""Fewer trials of a text give no interval."""


def effects_alone(
    records: Iterable[TrialRecord], texts: Sequence[str], outcome: Outcome | None = None
) -> list[TextEffect]:
    """The mean gain over the untouched base of training on each text alone, most helpful first.

    Blocks of randomized trials train on every text once, with equal hyperparameters and seed; a text's trials are of
    different blocks, hence independent, and their mean has Student's interval. Of an outcome other than the score the
    base's is not stored: there, a gain is what a text's trial has above the mean of its whole block.
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
            level = 0.0 if outcome is None else float(np.mean([value for _, value in block]))
            for text, value in block:
                gains[text].append(value - level)
    return judged(texts, [_mean(gains[text]) for text in texts], [len(gains[text]) for text in texts], "alone")


def _mean(gains: Sequence[float]) -> Estimate:
    if len(gains) < FEWEST_TRIALS:
        return Estimate(float(np.mean(gains)) if gains else math.nan, math.inf, 1)
    return least_squares(np.ones((len(gains), 1)), np.array(gains))[0]
