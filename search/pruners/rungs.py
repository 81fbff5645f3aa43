"""A trial laid out for pruners that want their budgets at powers of the reduction factor."""

from __future__ import annotations

import copy

from optuna.trial import FrozenTrial


def by_rung(trial: FrozenTrial, reduction: int) -> FrozenTrial:
    """The trial as if rung i stood at `reduction` to the power i."""
    seen = copy.copy(trial)
    values = (value for _, value in sorted(trial.intermediate_values.items()))
    seen.intermediate_values = {reduction**index: value for index, value in enumerate(values)}
    return seen
