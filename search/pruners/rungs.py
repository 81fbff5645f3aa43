"""Conversion of trials for pruners that need their budgets at powers of the reduction factor."""

from __future__ import annotations

import copy

from optuna.trial import FrozenTrial


def by_rung(trial: FrozenTrial, reduction: int) -> FrozenTrial:
    """Return a copy of the trial with rung i at step `reduction` to the power i."""
    converted = copy.copy(trial)
    values = (value for _, value in sorted(trial.intermediate_values.items()))
    converted.intermediate_values = {reduction**index: value for index, value in enumerate(values)}
    return converted
