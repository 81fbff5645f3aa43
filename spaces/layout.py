"""What a base model is made of, as far as a space needs to know: layers and linear modules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from spaces.errors import FieldError, did_you_mean, listed
from spaces.trial import LayerRange

_ATTENTION = re.compile(r"attn|attention")
_MLP = re.compile(r"mlp|feed_forward|ffn|fc[12]?$")


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


@dataclass(frozen=True, slots=True)
class Layout:
    """Layers and linear modules of a base model."""

    base: str
    """The base as the study file names it."""
    layers: int
    modules: tuple[Module, ...]
    context: int
    """Longest sequence that the model reads, in tokens."""

    @property
    def presets(self) -> dict[str, tuple[str, ...]]:
        """Preset to paths of modules; only presets that match something."""
        found = {
            "attention": tuple(m.path for m in self.modules if _ATTENTION.search(m.path)),
            "mlp": tuple(m.path for m in self.modules if _MLP.search(m.path)),
            "all-linear": tuple(m.path for m in self.modules),
        }
        return {preset: paths for preset, paths in found.items() if paths}

    def resolve_targets(self, targets: str) -> tuple[str, ...]:
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
                    "space.lora.targets",
                    f"the base {self.base!r} has no linear module {name!r}."
                    f"{did_you_mean(name, (*self.presets, *existing))} "
                    f"Presets: {listed(self.presets)}. Modules of a layer: {listed(existing)}.",
                )
            chosen += found
        return tuple(dict.fromkeys(chosen))

    def resolve_layers(self, text: str) -> LayerRange:
        """The layer range for `all`, `2-5` or `3`.

        Raises:
            InputError: not a range, or the model has no such layer.
        """
        if text.strip() == "all":
            return LayerRange(0, self.layers - 1)
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+))?\s*", text)
        if match is None:
            raise FieldError("space.layers", f"must be 'all' or a range such as '2-5', got {text!r}.")
        first = int(match[1])
        last = int(match[2] or first)
        if first > last or last >= self.layers:
            raise FieldError(
                "space.layers",
                f"{text!r} must lie within 0-{self.layers - 1}, first number first: "
                f"the base {self.base!r} has {self.layers} layers, numbered from 0.",
            )
        return LayerRange(first, last)

    def adapter_weights(self, rank: int) -> int:
        """Number of weights of the largest possible adapter of this rank: r (d_in + d_out) a module."""
        return self.layers * sum(rank * (m.inputs + m.outputs) for m in self.modules)


def complement(trained: LayerRange, layers: int) -> tuple[LayerRange, ...]:
    """The frozen ranges below and above the trained one."""
    below = (LayerRange(0, trained.first - 1),) if trained.first > 0 else ()
    above = (LayerRange(trained.last + 1, layers - 1),) if trained.last < layers - 1 else ()
    return below + above


def trained_layers(frozen: Iterable[LayerRange], layers: int) -> tuple[int, ...]:
    """The layers that no frozen range covers, in order."""
    covered = {layer for span in frozen for layer in range(span.first, span.last + 1)}
    return tuple(layer for layer in range(layers) if layer not in covered)
