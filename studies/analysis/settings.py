"""Hyperparameter importances (Optuna's fANOVA over the complete trials), and the mean gain by trained layers.

For texts use `studies.analysis.effects`: importances have no sign (`docs/design.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState

from search.storage.records import TrialRecord
from spaces.dimensions.texts import PREFIX

_FEWEST = 8
_TREES = 16
_SAMPLES = 20
_LARGEST_SAMPLE = 300
"""Maximum number of trials per bootstrap sample, to limit the time; intervals are then wider than necessary."""


@dataclass(frozen=True, slots=True)
class Importance:
    """Share of the score's variance that a hyperparameter explains, in [0, 1]."""

    name: str
    share: float
    low: float
    """Smallest share in 20 bootstrap samples. From `low` to `high` is an interval of about 90%; samples without
    variation are left out."""
    high: float


def hyperparameter_importances(study: optuna.Study, records: Sequence[TrialRecord], seed: int = 0) -> list[Importance]:
    """Return the importance of every hyperparameter, most important first; empty if there are too few trials.

    The model includes the texts, so that variance that they explain is not attributed to the hyperparameters; the
    result omits them (Hutter, Hoos and Leyton-Brown, 2014). Both trials of a pair have the same hyperparameters, so
    the bootstrap draws pairs.
    """
    complete = [record for record in records if record.state is TrialState.COMPLETE]
    names = {name for record in complete for name in record.params if not name.startswith(PREFIX)}
    if not names or len(complete) < _FEWEST or len({record.score for record in complete}) < 2:
        return []
    trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    units: dict[object, list[FrozenTrial]] = {}
    for record in complete:
        unit = ("pair", record.pair) if record.pair is not None else ("trial", record.number)
        units.setdefault(unit, []).append(trials[record.number])
    shares = _shares([trial for unit in units.values() for trial in unit], seed)
    sampled = [sample for drawn in _samples(list(units.values()), seed) if (sample := _shares(drawn, seed))]
    ends = {name: [sample.get(name, 0.0) for sample in sampled] for name in shares}
    importances = [Importance(n, share, min([*ends[n], share]), max([*ends[n], share])) for n, share in shares.items()]
    return sorted(importances, key=lambda importance: -importance.share)


def _samples(units: Sequence[Sequence[FrozenTrial]], seed: int) -> list[list[FrozenTrial]]:
    """Return bootstrap samples: the trials of units drawn with replacement."""
    rng = np.random.default_rng(seed)
    size = min(len(units), _LARGEST_SAMPLE // 2)
    draws = (rng.integers(len(units), size=size) for _ in range(_SAMPLES))
    return [[trial for unit in draw for trial in units[unit]] for draw in draws]


def _shares(trials: Sequence[FrozenTrial], seed: int) -> dict[str, float]:
    """Return the share of every hyperparameter in one sample of trials; empty if all scores are equal."""
    if len({trial.values[0] for trial in trials}) < 2:
        return {}
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(value=trial.values[0], params=trial.params, distributions=trial.distributions)
            for trial in trials
        ]
    )
    try:
        shares = FanovaImportanceEvaluator(n_trees=_TREES, seed=seed).evaluate(study)
    except RuntimeError as error:  # no tree of the forest has a split
        if "zero total variance" not in str(error):
            raise
        return {}
    return {name: float(share) for name, share in shares.items() if not name.startswith(PREFIX)}


@dataclass(frozen=True, slots=True)
class LayerCell:
    """Group of randomized trials that trained the same range of layers."""

    below: int
    """Number of frozen layers below the trained ones."""
    above: int
    """Number of frozen layers above the trained ones."""
    gain: float
    """Mean gain of the trials over the untouched base, in the score's unit."""
    trials: int


def layer_map(records: Sequence[TrialRecord]) -> list[LayerCell]:
    """Return the mean gain of the randomized trials by trained range of layers; empty if all trained the same range.

    Trials that trained on no text, and trials with several stages or ranges, are left out.
    """
    highest = max(
        (span.last for record in records for stage in record.config.stages for span in stage.frozen), default=0
    )
    gains: dict[tuple[int, int], list[float]] = {}
    for record in records:
        if record.randomized and record.state is TrialState.COMPLETE and record.texts:
            if len(record.config.stages) > 1:
                continue
            frozen = record.config.stages[0].frozen
            if any(span.first > 0 and span.last < highest for span in frozen):
                continue  # frozen layers between trained ones
            below = sum(span.last + 1 for span in frozen if span.first == 0)
            above = sum(span.last - span.first + 1 for span in frozen if span.first > 0)
            gains.setdefault((below, above), []).append(record.rungs[-1].gain)
    if len(gains) < 2:
        return []
    return [LayerCell(*place, float(np.mean(values)), len(values)) for place, values in sorted(gains.items())]
