"""Searched dimensions, one per file; each turns parameters of a sampler into a part of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from optuna.distributions import BaseDistribution

Params = dict[str, Any]
"""Parameter names to values from the sampler; only searched settings have parameters."""

PartT_co = TypeVar("PartT_co", covariant=True)


class Dimension(Protocol[PartT_co]):
    """A part of a trial that may vary."""

    def distributions(self) -> Mapping[str, BaseDistribution]:
        """Return the distributions that a sampler draws from, by parameter name; empty if everything is fixed."""
        ...

    def decode(self, params: Params) -> PartT_co:
        """Return the part of the trial that these parameters describe."""
        ...


__all__ = ["Dimension", "Params"]
