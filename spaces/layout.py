"""What a base model is made of, as far as a space needs to know: layers, linear modules, sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from spaces.errors import FieldError, did_you_mean, listed
from spaces.methods import METHODS
from spaces.trial import LayerRange, Tuning

_ATTENTION = re.compile(r"attn|attention")
_MLP = re.compile(r"mlp|feed_forward|ffn|fc[12]?$|experts")
_ROUTER = re.compile(r"(?:^|\.)(?:router|gate|shared_expert_gate)(?:\.|$)")
"""Linear modules that choose among experts: part of no feed-forward matrix."""
_RANGE = re.compile(r"\s*(-?\d+)(?:\s*(?:-|to)\s*(-?\d+))?\s*")


@dataclass(frozen=True, slots=True)
class Module:
    """A linear module, or the matrices that all experts keep in one parameter, in some layers of a base."""

    path: str
    """Path within a layer, such as `self_attn.q_proj`; that of the parameter for experts: `mlp.experts.down_proj`."""
    inputs: int
    outputs: int
    layers: tuple[int, ...] | None = None
    """Layers that have it with these sizes, in order; None stands for every layer."""
    experts: int = 0
    """Number of experts, each with a matrix of these sizes; 0 for a linear module."""
    as_parameter: bool = False
    """Whether peft reaches its weight as a parameter alone; those of experts always."""
    bypassed: bool = False
    """Whether kernels read its weight without calling the module, so that an adapter on it would change nothing."""

    @property
    def name(self) -> str:
        """The last part of the path, which study files name modules by."""
        return self.path.rsplit(".", 1)[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """All that a study file may call it: its name, its path and, for experts, the module that holds them."""
        return (self.name, self.path, *(self.path.split(".")[-2:-1] if self.experts else ()))

    @property
    def feeds_forward(self) -> bool:
        """Whether it belongs to a layer's feed-forward part."""
        return _MLP.search(self.path) is not None and _ROUTER.search(self.path) is None

    @property
    def narrows(self) -> bool:
        """Whether it is the way out of a layer's feed-forward part, whose inputs IA³ scales."""
        return self.inputs > self.outputs and self.feeds_forward

    def stands_in(self, layer: int) -> bool:
        """Whether a layer has it with these sizes."""
        return self.layers is None or layer in self.layers


@dataclass(frozen=True, slots=True)
class Layout:
    """Layers and linear modules of a base model; layers may be unlike each other."""

    base: str
    """The base as the study file names it."""
    layers: int
    modules: tuple[Module, ...]
    context: int
    """Longest sequence that the model reads, in tokens."""
    all_weights: int = 0
    """Number of weights of the whole language model, without its towers for images and sound."""
    weights: tuple[int, ...] = ()
    """Number of weights that `full` trains in each layer."""
    norm_weights: tuple[int, ...] = ()
    """Number of weights in each layer's norms."""
    biases: tuple[int, ...] = ()
    """Number of biases in each layer, those of its norms included."""
    fixed: tuple[str, ...] = ()
    """Weights of layers that kernels read by themselves, which no method can train: `linear_attn.A_log`."""
    checkpoints: bool = True
    """Whether activations can be computed anew in the backward pass."""

    @property
    def presets(self) -> dict[str, tuple[str, ...]]:
        """Preset to paths of modules; only presets that match something."""
        found = {
            "attention": self._paths(lambda module: _ATTENTION.search(module.path) is not None),
            "mlp": self._paths(lambda module: module.feeds_forward),
            "all-linear": self._paths(lambda _: True),
        }
        return {preset: paths for preset, paths in found.items() if paths}

    def _paths(self, wanted: Callable[[Module], bool]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(m.path for m in self.modules if not m.bypassed and wanted(m)))

    def resolve_targets(self, targets: str, field: str = "space.tuning.targets") -> tuple[str, ...]:
        """Paths of modules within a layer, for a preset or for names joined by `+`.

        A name stands for every module of that name: GPT-2 has a `c_proj` in its attention and one in its MLP,
        which their paths, `attn.c_proj` and `mlp.c_proj`, tell apart. Not every layer need have all of them.

        Raises:
            InputError: the model has no such module; the message lists what it has.
        """
        existing = tuple(dict.fromkeys(name for m in self.modules for name in (m.name, *m.names[2:]) if not m.bypassed))
        chosen: list[str] = []
        for part in targets.split("+"):
            name = part.strip()
            found = self.presets.get(name) or tuple(m.path for m in self.modules if name in m.names)
            if not found:
                raise FieldError(
                    field,
                    f"the base {self.base!r} has no linear module {name!r}."
                    f"{did_you_mean(name, (*self.presets, *existing))} "
                    f"Presets: {listed(self.presets)}. Modules of a layer: {listed(existing)}.",
                    code="target-unknown",
                )
            self._check_called(name, found, field)
            chosen += found
        return tuple(dict.fromkeys(chosen))

    def _check_called(self, name: str, paths: Collection[str], field: str) -> None:
        """See that an adapter would act on all modules.

        Raises:
            InputError: kernels read the weights of one of them past the adapter.
        """
        bypassed = tuple(dict.fromkeys(m.path for m in self.modules if m.bypassed and m.path in paths))
        if bypassed:
            raise FieldError(
                field,
                f"{name!r} names {listed(bypassed)} of the base {self.base!r}, whose weights its layer reads without "
                "calling it, as Mamba's kernels do: an adapter there would change nothing. Name others: "
                f"{listed(self._paths(lambda _: True))}.",
                code="targets-bypassed",
            )

    def check_targets(self, method: str, targets: Collection[str], dropout: float, field: str) -> None:
        """See that a method can sit on the targets that peft reaches as parameters, experts above all.

        Raises:
            InputError: it cannot; the message says which targets it can take.
        """
        hard = tuple(dict.fromkeys(m.path for m in self.modules if m.path in targets and self._is_hard(m, method)))
        can = METHODS[method].on_parameters
        if not hard or (can and not dropout):
            return
        easy = [m.path for m in self.modules if not m.bypassed and not self._is_hard(m, method)]
        others = [preset for preset, paths in self.presets.items() if set(paths) <= set(easy)]
        instead = f"targets: {listed(others)}" if others else f"targets among {listed(easy)}"
        why = f"{method} with dropout" if can else method
        able = [name for name in METHODS if METHODS[name].on_parameters]
        raise FieldError(
            field,
            f"peft cannot put {why} on {listed(hard)} of the base {self.base!r}, whose weights it reaches as "
            f"parameters, as it does those of experts. Use {instead}, or {listed(able)} with dropout: 0.",
            code="targets-are-parameters",
        )

    def _is_hard(self, module: Module, method: str) -> bool:
        """Whether a method cannot sit on a module unless it can sit on parameters."""
        return module.experts > 0 or (module.as_parameter and not METHODS[method].linear_alone)

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
                code="layers-malformed",
            )
        first, last = (self._from_start(int(number)) for number in (match[1], match[2] or match[1]))
        if not 0 <= first <= last < self.layers:
            raise FieldError(
                field,
                f"{text!r} must lie within 0-{self.layers - 1} or, from the end, -{self.layers} to -1, the lower "
                f"layer first: the base {self.base!r} has {self.layers} layers, numbered from 0.",
                code="layers-out-of-range",
            )
        return range(first, last + 1)

    def _from_start(self, layer: int) -> int:
        return layer + self.layers if layer < 0 else layer

    def check_method(self, method: str, field: str = "space.tuning.method") -> None:
        """See that the model has what a method trains.

        Raises:
            InputError: it has not.
        """
        why = METHODS[method].missing(self)
        if why is not None:
            others = [name for name in METHODS if METHODS[name].missing(self) is None]
            raise FieldError(field, f"{why.says}. Choose among {listed(others)}.", code=why.code)

    def layers_with(self, method: str, targets: Collection[str]) -> frozenset[int]:
        """The layers in which a method finds anything to train, on those targets if it has any."""
        if METHODS[method].whole:
            return frozenset(range(self.layers))
        if METHODS[method].targets:
            modules = [module for module in self.modules if module.path in targets]
            return frozenset(i for i in range(self.layers) if any(module.stands_in(i) for module in modules))
        copied, anywhere = self._copied(method), METHODS[method].anywhere
        return frozenset(layer for layer in range(self.layers) if copied[layer] or anywhere)

    def trained_weights(self, tuning: Tuning, layers: Iterable[int]) -> int:
        """Number of weights that a tuning trains in these layers: r (d_in + d_out) a matrix for LoRA."""
        if METHODS[tuning.method].whole:
            return self.all_weights
        if METHODS[tuning.method].copies:
            return sum(self._copied(tuning.method)[layer] for layer in layers)
        modules = [module for module in self.modules if module.path in tuning.targets]
        size = METHODS[tuning.method].size
        return sum(size(tuning, module) for layer in layers for module in modules if module.stands_in(layer))

    def _copied(self, method: str) -> tuple[int, ...]:
        """Number of the base's own weights that a method trains in each layer."""
        return METHODS[method].copied(self) or (0,) * self.layers


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
