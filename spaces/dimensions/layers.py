"""Which layers are trained; the others stay frozen."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from spaces.choices import distribution, options, pick
from spaces.dimensions import Params
from spaces.errors import FieldError, listed
from spaces.layout import Layout, complement, ranges, trained_layers
from spaces.spec import LayersSpec
from spaces.trial import LayerRange

_COUNT = ".count"
_POSITION = ".position"


class LayersDimension:
    """Named layers, a list of such names, or any contiguous range within limits of length.

    A free range is searched as its number of layers and its relative position from 0 (lowest) to 1
    (highest), so that every pair of parameters is a range that exists and near parameters are near ranges.
    """

    def __init__(
        self,
        choice: str | list[str] | LayersSpec,
        layout: Layout,
        name: str = "layers",
        field: str = "space.layers",
    ) -> None:
        """Check the layers against the model.

        Args:
            choice: of the study file.
            layout: of the model.
            name: of the parameters.
            field: of the study file.

        Raises:
            InputError: a range that the model has not, or one that leaves nothing to train.
        """
        self._layers = layout.layers
        self._name = name
        self._field = field
        spec = choice if isinstance(choice, LayersSpec) else LayersSpec(train=choice)
        self._choice = spec.train if spec.train is not None else spec.freeze
        self._frozen: dict[str, tuple[LayerRange, ...]] = {}
        if self._choice is None:
            self._least, self._most = _limits(spec, layout, field)
            return
        for text in options(self._choice):
            named = layout.resolve_layers(text, field)
            trained = named if spec.train is not None else frozenset(range(layout.layers)) - named
            if not trained:
                raise FieldError(
                    field,
                    f"freezing {text!r} leaves nothing to train: the base {layout.base!r} has the layers "
                    f"0-{layout.layers - 1}.",
                    code="freeze-leaves-nothing",
                )
            self._frozen[text] = complement(trained, layout.layers)

    def distributions(self) -> Mapping[str, BaseDistribution]:
        if self._choice is not None:
            searched = distribution(self._choice)
            return {} if searched is None else {self._name: searched}
        found: dict[str, BaseDistribution] = {}
        if self._least < self._most:
            found[self._name + _COUNT] = IntDistribution(self._least, self._most)
        if self._least < self._layers:
            found[self._name + _POSITION] = FloatDistribution(0.0, 1.0)
        return found

    def idle(self, params: Params) -> frozenset[str]:
        """The position, where all layers are trained."""
        position = self._name + _POSITION
        idle = position in self.distributions() and self._count(params) == self._layers
        return frozenset([position] if idle else [])

    def decode(self, params: Params) -> tuple[LayerRange, ...]:
        """The frozen ranges."""
        if self._choice is not None:
            return self._frozen[pick(self._choice, params, self._name)]
        count = self._count(params)
        first = round(params.get(self._name + _POSITION, 0.0) * (self._layers - count))
        return complement(range(first, first + count), self._layers)

    def widest(self) -> tuple[tuple[int, ...], ...]:
        """The trained layers of every choice; of a free range, those of every position at its greatest length."""
        if self._choice is not None:
            return tuple(trained_layers(frozen, self._layers) for frozen in self._frozen.values())
        return tuple(tuple(range(first, first + self._most)) for first in range(self._layers - self._most + 1))

    def require(self, having: Collection[int], what: str) -> None:
        """See that every choice of layers has something to train.

        Args:
            having: layers with anything that a method trains.
            what: the method's words for it, such as `modules of 'q_proj'`.

        Raises:
            InputError: some choice has none, and so would train nothing.
        """
        there = listed(map(str, ranges(having)))
        if self._choice is not None:
            for text, frozen in self._frozen.items():
                if not set(trained_layers(frozen, self._layers)) & set(having):
                    raise FieldError(
                        self._field,
                        f"the layers of {text!r} have no {what}; the layers {there} do. Name some of these.",
                        code="layers-train-nothing",
                    )
            return
        lacking = complement(having, self._layers)
        least = max((span.last - span.first + 1 for span in lacking), default=0) + 1
        if self._least < least:
            raise FieldError(
                self._field,
                f"a range of {self._least} may hit layers without any {what}: the layers {listed(map(str, lacking))} "
                f"lack them, and the layers {there} have them. Set min: {least}, and max no "
                "lower, or name layers.",
                code="range-may-train-nothing",
            )

    def _count(self, params: Params) -> int:
        return int(params.get(self._name + _COUNT, self._most))


def _limits(spec: LayersSpec, layout: Layout, field: str) -> tuple[int, int]:
    least, most = spec.min or 1, spec.max or layout.layers
    if max(least, most) > layout.layers:
        raise FieldError(
            field,
            f"min {least} and max {most} must not exceed {layout.layers}, the number of layers of the base "
            f"{layout.base!r}.",
            code="layers-too-many",
        )
    return least, most
