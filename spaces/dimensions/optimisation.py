"""How fast the weights change."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution

from spaces.choices import distribution, pick
from spaces.dimensions import Params

_NAME = "learning_rate"


class LearningRateDimension:
    """The peak learning rate of AdamW."""

    def __init__(self, choice: object) -> None:
        self._choice = choice

    def distributions(self) -> Mapping[str, BaseDistribution]:
        searched = distribution(self._choice)
        return {} if searched is None else {_NAME: searched}

    def decode(self, params: Params) -> float:
        return float(pick(self._choice, params, _NAME))
