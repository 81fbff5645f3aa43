"""What a base model is made of, as far as a space needs to know: layers, linear modules, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from spaces.errors import FieldError, did_you_mean, listed
from spaces.methods import METHODS
from spaces.trial import LayerRange, Tuning

_ATTENTION = re.compile(r"attn|attention")
_MLP = re.compile(r"mlp|feed_forward|ffn|fc[12]?$")
_RANGE = re.compile(r"\s*(-?\d+)(?:\s*(?:-|to)\s*(-?\d+))?\s*")


@dataclass(frozen=True, slots=True)
class Module:
    """A linear module that every layer has."""

    path: str
    """Its path within a layer, such as `self_attn.q_proj`."""
    inputs: int
    outputs: int

    @property
    def name(self) -> str:
        """The last part of the path, which study files name modules by."""
        return self.path.rsplit(".", 1)[-1]

    @property
    def narrows(self) -> bool:
        """Whether it is the way out of a layer's feed-forward part, whose inputs IA³ scales."""
        return self.inputs > self.outputs and _MLP.search(self.path) is not None


@dataclass(frozen=True, slots=True)
class Layout:
    """Layers and linear modules of a base model."""

    base: str
    """The base as the study file names it."""
    layers: int
    modules: tuple[Module, ...]
    context: int
    """Longest sequence that the model reads, in tokens."""
    all_weights: int = 0
    """Of the whole model."""
    weights: int = 0
    """Of one layer, all of them."""
    norm_weights: int = 0
    """Of one layer's norms."""
    biases: int = 0
    """Of one layer, those of its norms included."""
    checkpoints: bool = True
    """Whether activations can be computed anew in the backward pass."""

    @property
    def presets(self) -> dict[str, tuple[str, ...]]:
        """Preset to paths of modules; only presets that match something."""
        found = {
            "attention": tuple(m.path for m in self.modules if _ATTENTION.search(m.path)),
            "mlp": tuple(m.path for m in self.modules if _MLP.search(m.path)),
            "all-linear": tuple(m.path for m in self.modules),
        }
        return {preset: paths for preset, paths in found.items() if paths}

    def resolve_targets(self, targets: str, field: str = "space.tuning.targets") -> tuple[str, ...]:
        """Paths of modules within a layer, for a preset or for names joined by `+`.

        A name stands for every module of that name: GPT-2 has a `c_proj` in its attention and one in its MLP,
        which their paths, `attn.c_proj` and `mlp.c_proj`, tell apart.

        Raises:
            InputError: the model has no such module; the message lists what it has.
        """
        existing = tuple(dict.fromkeys(m.name for m in self.modules))
        chosen: list[str] = []
        for part in targets.split("+"):
            name = part.strip()
            found = self.presets.get(name) or tuple(m.path for m in self.modules if name in (m.name, m.path))
            if not found:
                raise FieldError(
                    field,
                    f"the base {self.base!r} has no linear module {name!r}."
                    f"{did_you_mean(name, (*self.presets, *existing))} "
                    f"Presets: {listed(self.presets)}. Modules of a layer: {listed(existing)}.",
                )
            chosen += found
        return tuple(dict.fromkeys(chosen))

    def resolve_layers(self, text: str, field: str = "space.layers") -> frozenset[int]:
        """The layers that `all`, `2-5`, `3`, `-4 to -1` (from the end) or several of these joined by `+` name.

        Raises:
            InputError: not a range, or the model has no such layer.
        """
        if text.strip() == "all":
            return frozenset(range(self.layers))
        return frozenset(layer for part in text.split("+") for layer in self._range(part, text, field))

    def _range(self, part: str, text: str, field: str) -> range:
        match = _RANGE.fullmatch(part)
        if match is None:
            raise FieldError(
                field,
                f"must be 'all', or ranges such as '2-5' or '-4 to -1' (from the end) joined by '+', got {text!r}.",
            )
        first, last = (self._from_start(int(number)) for number in (match[1], match[2] or match[1]))
        if not 0 <= first <= last < self.layers:
            raise FieldError(
                field,
                f"{text!r} must lie within 0-{self.layers - 1} or, from the end, -{self.layers} to -1, the lower "
                f"layer first: the base {self.base!r} has {self.layers} layers, numbered from 0.",
            )
        return range(first, last + 1)

    def _from_start(self, layer: int) -> int:
        return layer + self.layers if layer < 0 else layer

    def check_method(self, method: str, field: str = "space.tuning.method") -> None:
        """See that the model has what a method trains.

        Raises:
            InputError: it has not.
        """
        if method == "bitfit" and not self.biases:
            others = [name for name in METHODS if name != method]
            raise FieldError(
                field,
                f"bitfit trains biases, and the layers of the base {self.base!r} have none. "
                f"Choose among {listed(others)}.",
            )
        if method == "layernorm" and not self.norm_weights:
            raise FieldError(field, f"layernorm trains norms, and the layers of the base {self.base!r} have none.")

    def trained_weights(self, tuning: Tuning, layers: int) -> int:
        """Number of weights that a tuning trains in so many layers: r (d_in + d_out) a module for LoRA."""
        if METHODS[tuning.method].whole:
            return self.all_weights
        modules = [module for module in self.modules if module.path in tuning.targets]
        of_a_layer = {
            "ia3": sum(module.inputs if module.narrows else module.outputs for module in modules),
            "bitfit": self.biases,
            "layernorm": self.norm_weights,
            "full": self.weights,
        }
        low_rank = sum(tuning.rank * (module.inputs + module.outputs) for module in modules)
        norms = sum(module.outputs for module in modules) if tuning.method == "dora" else 0
        return layers * of_a_layer.get(tuning.method, low_rank + norms)


def ranges(layers: Iterable[int]) -> tuple[LayerRange, ...]:
    """Layers as the fewest contiguous ranges, in order."""
    found: list[LayerRange] = []
    for layer in sorted(layers):
        if found and found[-1].last == layer - 1:
            found[-1] = LayerRange(found[-1].first, layer)
        else:
            found.append(LayerRange(layer, layer))
    return tuple(found)


def complement(trained: Iterable[int], layers: int) -> tuple[LayerRange, ...]:
    """The frozen ranges beside the trained layers."""
    return ranges(set(range(layers)) - set(trained))


def trained_layers(frozen: Iterable[LayerRange], layers: int) -> tuple[int, ...]:
    """The layers that no frozen range covers, in order."""
    covered = {layer for span in frozen for layer in range(span.first, span.last + 1)}
    return tuple(layer for layer in range(layers) if layer not in covered)
