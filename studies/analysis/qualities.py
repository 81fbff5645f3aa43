"""What texts do to each benchmark and each other figure of a trial, beside the score that is searched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from optuna.trial import TrialState

from objectives.base import ADAPTER_WEIGHTS, FORGOTTEN, TEXT_TOKENS, TRAIN_LOSS
from search.storage.records import TrialRecord
from studies.analysis.effects import Estimator, TextEffect, text_effects

_OF_THE_TRAINING = frozenset({TEXT_TOKENS, ADAPTER_WEIGHTS, TRAIN_LOSS})
_SMALLER_IS_BETTER = ("bits_per_byte", FORGOTTEN, "flipped", "longest_copy")
_ERROR = "_stderr"


def quality_effects(
    records: Sequence[TrialRecord], texts: Sequence[str], estimate: Estimator = text_effects
) -> dict[str, list[TextEffect]]:
    """For every quality that trials measured, the effects of all texts on it, as gains: more is better.

    Qualities whose values never differ, and those of the training rather than of the model, are left out; so is what
    was forgotten of held-out text where that text is the objective. Every quality has its own correction for the
    number of texts.
    """
    complete = [r for r in records if r.randomized and r.state is TrialState.COMPLETE]
    measured: dict[str, set[float]] = {}
    for record in complete:
        for name, value in record.rungs[-1].qualities.items():
            measured.setdefault(name, set()).add(value)
    names = [name for name, values in measured.items() if len(values) > 1 and _of_the_model(name)]
    if FORGOTTEN in names and _repeats_the_score(complete, FORGOTTEN):
        names.remove(FORGOTTEN)
    return {name: estimate(complete, texts, partial(_gain, name)) for name in names}


def _repeats_the_score(records: Sequence[TrialRecord], quality: str) -> bool:
    """Whether a quality is the score with another sign and from another zero."""
    sums = [record.rungs[-1].qualities.get(quality, math.nan) + record.rungs[-1].score for record in records]
    return bool(np.ptp(sums) < 1e-6)


def smaller_is_better(quality: str) -> bool:
    """Whether a quality falls as a model gets better; its effects are shown with the other sign."""
    return any(part.endswith(_SMALLER_IS_BETTER) for part in quality.split("/"))


def _of_the_model(name: str) -> bool:
    return name not in _OF_THE_TRAINING and not name.rsplit("/", maxsplit=1)[-1].endswith(_ERROR)


def _gain(quality: str, record: TrialRecord) -> float | None:
    value = record.rungs[-1].qualities.get(quality)
    if value is None or not math.isfinite(value):
        return None
    return -value if smaller_is_better(quality) else value
