"""Which contiguous range of layers is trained; the others stay frozen."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from spaces.choices import distribution, options, pick
from spaces.dimensions import Params
from spaces.errors import FieldError
from spaces.layout import Layout, complement
from spaces.spec import AnyLayers
from spaces.trial import LayerRange

_NAME = "layers"
_COUNT = "layers.count"
_POSITION = "layers.position"


class LayersDimension:
    """A fixed range, a list of ranges, or any range within limits of length.

    A free range is searched as its number of layers and its relative position from 0 (lowest) to 1
    (highest), so that every pair of parameters is a range that exists and near parameters are near ranges.
    """

    def __init__(self, choice: str | list[str] | AnyLayers, layout: Layout) -> None:
        """Check the ranges against the model.

        Raises:
            InputError: a range that the model has not.
        """
        self._layers = layout.layers
        self._choice = choice
        if isinstance(choice, AnyLayers):
            self._most = choice.max or layout.layers
            if max(self._most, choice.min) > layout.layers:
                raise FieldError(
                    "space.layers",
                    f"min {choice.min} and max {self._most} must not exceed {layout.layers}, the number "
                    f"of layers of the base {layout.base!r}.",
                )
            self._least = choice.min
            self._ranges: dict[str, LayerRange] = {}
        else:
            self._ranges = {text: layout.resolve_layers(text) for text in options(choice)}

    def distributions(self) -> Mapping[str, BaseDistribution]:
        if self._ranges:
            searched = distribution(self._choice)
            return {} if searched is None else {_NAME: searched}
        found: dict[str, BaseDistribution] = {}
        if self._least < self._most:
            found[_COUNT] = IntDistribution(self._least, self._most)
        if self._least < self._layers:
            found[_POSITION] = FloatDistribution(0.0, 1.0)
        return found

    def decode(self, params: Params) -> tuple[LayerRange, ...]:
        """The frozen ranges."""
        if self._ranges:
            trained = self._ranges[pick(self._choice, params, _NAME)]
        else:
            count = params.get(_COUNT, self._most)
            first = round(params.get(_POSITION, 0.0) * (self._layers - count))
            trained = LayerRange(first, first + count - 1)
        return complement(trained, self._layers)
