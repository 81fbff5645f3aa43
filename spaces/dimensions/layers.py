"""Choice of the layers that are trained; the others stay frozen."""

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
    """Choice of the trained layers: named layers, a list of such names, or any contiguous range of limited length.

    A free range is searched as its number of layers and its relative position from 0 (lowest) to 1 (highest), so
    that every pair of parameters is a valid range and nearby parameters give nearby ranges.
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
            choice: the layers in the study file.
            layout: layout of the model.
            name: prefix of the parameter names.
            field: path of the field in the study file.

        Raises:
            InputError: the model does not have a range, or a range leaves nothing to train.
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
        distributions: dict[str, BaseDistribution] = {}
        if self._least < self._most:
            distributions[self._name + _COUNT] = IntDistribution(self._least, self._most)
        if self._least < self._layers:
            distributions[self._name + _POSITION] = FloatDistribution(0.0, 1.0)
        return distributions

    def idle(self, params: Params) -> frozenset[str]:
        """Return the position parameter if it has no effect because all layers are trained."""
        position = self._name + _POSITION
        idle = position in self.distributions() and self._count(params) == self._layers
        return frozenset([position] if idle else [])

    def decode(self, params: Params) -> tuple[LayerRange, ...]:
        """Return the frozen ranges of layers."""
        if self._choice is not None:
            return self._frozen[pick(self._choice, params, self._name)]
        count = self._count(params)
        first = round(params.get(self._name + _POSITION, 0.0) * (self._layers - count))
        return complement(range(first, first + count), self._layers)

    def widest(self) -> tuple[tuple[int, ...], ...]:
        """Return the trained layers of every choice; for a free range, of every position at its greatest length."""
        if self._choice is not None:
            return tuple(trained_layers(frozen, self._layers) for frozen in self._frozen.values())
        return tuple(tuple(range(first, first + self._most)) for first in range(self._layers - self._most + 1))

    def require(self, having: Collection[int], what: str) -> None:
        """Check that every choice of layers has something to train.

        Args:
            having: layers that have something that the method trains.
            what: description of what the method trains, such as `modules of 'q_proj'`.

        Raises:
            InputError: a choice has no such layer, and would train nothing.
        """
        trainable = listed(map(str, ranges(having)))
        if self._choice is not None:
            for text, frozen in self._frozen.items():
                if not set(trained_layers(frozen, self._layers)) & set(having):
                    raise FieldError(
                        self._field,
                        f"the layers of {text!r} have no {what}; the layers {trainable} do. Name some of these.",
                        code="layers-train-nothing",
                    )
            return
        lacking = complement(having, self._layers)
        least = max((span.last - span.first + 1 for span in lacking), default=0) + 1
        if self._least < least:
            raise FieldError(
                self._field,
                f"a range of {self._least} may hit layers without any {what}: the layers {listed(map(str, lacking))} "
                f"lack them, and the layers {trainable} have them. Set min: {least}, and max to at "
                "least that, or name layers.",
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
