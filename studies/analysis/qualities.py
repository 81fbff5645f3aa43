"""Effects of texts on every measured quality of a trial, in addition to the searched score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from optuna.trial import TrialState

from objectives.base import ADAPTER_WEIGHTS, FORGOTTEN, TEXT_TOKENS, TRAIN_LOSS
from search.storage.records import TrialRecord
from studies.analysis.effects import Estimator, TextEffect, text_effects

_TRAINING_QUALITIES = frozenset({TEXT_TOKENS, ADAPTER_WEIGHTS, TRAIN_LOSS})
_SMALLER_IS_BETTER = ("bits_per_byte", FORGOTTEN, "flipped", "longest_copy")
_ERROR = "_stderr"


def quality_effects(
    records: Sequence[TrialRecord], texts: Sequence[str], estimate: Estimator = text_effects
) -> dict[str, list[TextEffect]]:
    """Return the effects of all texts on every measured quality, as gains: higher is better.

    Omitted are qualities that do not vary, qualities of the training rather than of the model, and forgetting of
    held-out text if that text is the objective. p-values are corrected for the number of texts per quality.
    """
    complete = [r for r in records if r.randomized and r.state is TrialState.COMPLETE]
    measured: dict[str, set[float]] = {}
    for record in complete:
        for name, value in record.rungs[-1].qualities.items():
            measured.setdefault(name, set()).add(value)
    names = [name for name, values in measured.items() if len(values) > 1 and _describes_model(name)]
    if FORGOTTEN in names and _repeats_the_score(complete, FORGOTTEN):
        names.remove(FORGOTTEN)
    return {name: estimate(complete, texts, partial(_gain, name)) for name in names}


def _repeats_the_score(records: Sequence[TrialRecord], quality: str) -> bool:
    """Return whether a quality is the negated score up to a constant."""
    sums = [record.rungs[-1].qualities.get(quality, math.nan) + record.rungs[-1].score for record in records]
    return bool(np.ptp(sums) < 1e-6)


def smaller_is_better(quality: str) -> bool:
    """Return whether lower values of a quality are better; its effects are shown with the sign reversed."""
    return any(part.endswith(_SMALLER_IS_BETTER) for part in quality.split("/"))


def _describes_model(name: str) -> bool:
    return name not in _TRAINING_QUALITIES and not name.rsplit("/", maxsplit=1)[-1].endswith(_ERROR)


def _gain(quality: str, record: TrialRecord) -> float | None:
    value = record.rungs[-1].qualities.get(quality)
    if value is None or not math.isfinite(value):
        return None
    return -value if smaller_is_better(quality) else value
