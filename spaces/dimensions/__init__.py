"""One file per searched thing; each turns parameters of a sampler into a part of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from optuna.distributions import BaseDistribution

Params = dict[str, Any]
"""Parameter name to value, as the sampler gave them; only searched things have parameters."""

PartT_co = TypeVar("PartT_co", covariant=True)


class Dimension(Protocol[PartT_co]):
    """A part of a trial that may vary."""

    def distributions(self) -> Mapping[str, BaseDistribution]:
        """Distributions that a sampler draws from, by parameter name; empty where everything is fixed."""
        ...

    def decode(self, params: Params) -> PartT_co:
        """The part of the trial that these parameters stand for."""
        ...


__all__ = ["Dimension", "Params"]
