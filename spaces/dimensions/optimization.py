"""Choice of the learning rate."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution

from spaces.choices import distribution, pick
from spaces.dimensions import Params


class LearningRateDimension:
    """Choice of AdamW's peak learning rate."""

    def __init__(self, choice: object, name: str = "learning_rate") -> None:
        self._choice = choice
        self._name = name

    def distributions(self) -> Mapping[str, BaseDistribution]:
        searched = distribution(self._choice)
        return {} if searched is None else {self._name: searched}

    def decode(self, params: Params) -> float:
        return float(pick(self._choice, params, self._name))
