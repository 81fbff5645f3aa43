"""Layout of a base model: the layers, linear modules and sizes that a space needs."""

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
"""Linear modules that route tokens to experts; they are not feed-forward matrices."""
_RANGE = re.compile(r"\s*(-?\d+)(?:\s*(?:-|to)\s*(-?\d+))?\s*")


@dataclass(frozen=True, slots=True)
class Module:
    """A linear module, or the matrices of all experts in one parameter, in some layers of a base."""

    path: str
    """Path within a layer, such as `self_attn.q_proj`; for experts that of the parameter: `mlp.experts.down_proj`."""
    inputs: int
    outputs: int
    layers: tuple[int, ...] | None = None
    """Layers that have the module with these sizes, in order; None for every layer."""
    experts: int = 0
    """Number of experts, each with a matrix of these sizes; 0 for a linear module."""
    as_parameter: bool = False
    """Whether peft reaches the weight only as a parameter; implied for experts."""
    bypassed: bool = False
    """Whether kernels read the weight without calling the module, so that an adapter on the module has no effect."""

    @property
    def name(self) -> str:
        """Last part of the path, by which study files name modules."""
        return self.path.rsplit(".", 1)[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a study file may use for the module: name, path and, for experts, the module around them."""
        return (self.name, self.path, *(self.path.split(".")[-2:-1] if self.experts else ()))

    @property
    def feeds_forward(self) -> bool:
        """Whether the module belongs to a layer's feed-forward part."""
        return _MLP.search(self.path) is not None and _ROUTER.search(self.path) is None

    @property
    def narrows(self) -> bool:
        """Whether the module is the output projection of a feed-forward part, whose inputs IA³ scales."""
        return self.inputs > self.outputs and self.feeds_forward

    def stands_in(self, layer: int) -> bool:
        """Whether a layer has the module with these sizes."""
        return self.layers is None or layer in self.layers


@dataclass(frozen=True, slots=True)
class Layout:
    """Layers and linear modules of a base model; layers may differ from each other."""

    base: str
    """Name of the base, as in the study file."""
    layers: int
    modules: tuple[Module, ...]
    context: int
    """Longest sequence that the model reads, in tokens."""
    all_weights: int = 0
    """Number of weights of the whole language model, without image and audio encoders."""
    weights: tuple[int, ...] = ()
    """Number of weights that `full` trains in each layer."""
    norm_weights: tuple[int, ...] = ()
    """Number of weights in each layer's norms."""
    biases: tuple[int, ...] = ()
    """Number of biases in each layer, including those of norms."""
    fixed: tuple[str, ...] = ()
    """Weights of layers that kernels read directly and no method can train, such as `linear_attn.A_log`."""
    checkpoints: bool = True
    """Whether activations can be recomputed in the backward pass (gradient checkpointing)."""

    @property
    def presets(self) -> dict[str, tuple[str, ...]]:
        """Presets to paths of their modules, without presets that match nothing."""
        presets = {
            "attention": self._paths(lambda module: _ATTENTION.search(module.path) is not None),
            "mlp": self._paths(lambda module: module.feeds_forward),
            "all-linear": self._paths(lambda _: True),
        }
        return {preset: paths for preset, paths in presets.items() if paths}

    def _paths(self, matches: Callable[[Module], bool]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(m.path for m in self.modules if not m.bypassed and matches(m)))

    def resolve_targets(self, targets: str, field: str = "space.tuning.targets") -> tuple[str, ...]:
        """Return the paths of modules within a layer, for a preset or for names joined by `+`.

        A name stands for every module of that name: GPT-2 has a `c_proj` in its attention and one in its MLP, which
        their paths, `attn.c_proj` and `mlp.c_proj`, distinguish. A layer may lack some of the modules.

        Raises:
            InputError: the model has no such module; the message lists its modules.
        """
        existing = tuple(dict.fromkeys(name for m in self.modules for name in (m.name, *m.names[2:]) if not m.bypassed))
        chosen: list[str] = []
        for part in targets.split("+"):
            name = part.strip()
            paths = self.presets.get(name) or tuple(m.path for m in self.modules if name in m.names)
            if not paths:
                raise FieldError(
                    field,
                    f"the base {self.base!r} has no linear module {name!r}."
                    f"{did_you_mean(name, (*self.presets, *existing))} "
                    f"Presets: {listed(self.presets)}. Modules of a layer: {listed(existing)}.",
                    code="target-unknown",
                )
            self._check_called(name, paths, field)
            chosen += paths
        return tuple(dict.fromkeys(chosen))

    def _check_called(self, name: str, paths: Collection[str], field: str) -> None:
        """Check that an adapter would have an effect on all modules.

        Raises:
            InputError: kernels read the weights of a module without calling that module.
        """
        bypassed = tuple(dict.fromkeys(m.path for m in self.modules if m.bypassed and m.path in paths))
        if bypassed:
            raise FieldError(
                field,
                f"{name!r} names {listed(bypassed)} of the base {self.base!r}, whose weights its layer reads without "
                "calling the module, as Mamba's kernels do: an adapter there would have no effect. Name others: "
                f"{listed(self._paths(lambda _: True))}.",
                code="targets-bypassed",
            )

    def check_targets(self, method: str, targets: Collection[str], dropout: float, field: str) -> None:
        """Check that a method can adapt the targets that peft reaches as parameters, such as experts.

        Raises:
            InputError: the method cannot; the message lists the targets that it can adapt.
        """
        refused = tuple(
            dict.fromkeys(m.path for m in self.modules if m.path in targets and self._needs_parameters(m, method))
        )
        supported = METHODS[method].on_parameters
        if not refused or (supported and not dropout):
            return
        allowed = [m.path for m in self.modules if not m.bypassed and not self._needs_parameters(m, method)]
        presets = [preset for preset, paths in self.presets.items() if set(paths) <= set(allowed)]
        instead = f"targets: {listed(presets)}" if presets else f"targets among {listed(allowed)}"
        what = f"{method} with dropout" if supported else method
        methods = [name for name in METHODS if METHODS[name].on_parameters]
        raise FieldError(
            field,
            f"peft cannot put {what} on {listed(refused)} of the base {self.base!r}, because it reaches their weights "
            f"only as parameters, like those of experts. Use {instead}, or {listed(methods)} with dropout: 0.",
            code="targets-are-parameters",
        )

    def _needs_parameters(self, module: Module, method: str) -> bool:
        """Whether a method can adapt a module only as a parameter."""
        return module.experts > 0 or (module.as_parameter and not METHODS[method].linear_alone)

    def resolve_layers(self, text: str, field: str = "space.layers") -> frozenset[int]:
        """Return the layers named by `all`, `2-5`, `3`, `-4 to -1` (from the end) or several of these joined by `+`.

        Raises:
            InputError: the text is not a range, or the model has no such layer.
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
        """Check that the model has what a method trains.

        Raises:
            InputError: the model does not have it.
        """
        missing = METHODS[method].missing(self)
        if missing is not None:
            others = [name for name in METHODS if METHODS[name].missing(self) is None]
            raise FieldError(field, f"{missing.says}. Choose among {listed(others)}.", code=missing.code)

    def layers_with(self, method: str, targets: Collection[str]) -> frozenset[int]:
        """Return the layers in which a method has anything to train, on the targets if the method uses targets."""
        if METHODS[method].whole:
            return frozenset(range(self.layers))
        if METHODS[method].targets:
            modules = [module for module in self.modules if module.path in targets]
            return frozenset(i for i in range(self.layers) if any(module.stands_in(i) for module in modules))
        copied, anywhere = self._copied(method), METHODS[method].anywhere
        return frozenset(layer for layer in range(self.layers) if copied[layer] or anywhere)

    def trained_weights(self, tuning: Tuning, layers: Iterable[int]) -> int:
        """Return the number of weights that a tuning trains in these layers: r (d_in + d_out) per matrix for LoRA."""
        if METHODS[tuning.method].whole:
            return self.all_weights
        if METHODS[tuning.method].copies:
            return sum(self._copied(tuning.method)[layer] for layer in layers)
        modules = [module for module in self.modules if module.path in tuning.targets]
        size = METHODS[tuning.method].size
        return sum(size(tuning, module) for layer in layers for module in modules if module.stands_in(layer))

    def _copied(self, method: str) -> tuple[int, ...]:
        """Return the number of the base's own weights that a method trains in each layer."""
        return METHODS[method].copied(self) or (0,) * self.layers


def ranges(layers: Iterable[int]) -> tuple[LayerRange, ...]:
    """Return layers as the fewest contiguous ranges, in order."""
    spans: list[LayerRange] = []
    for layer in sorted(layers):
        if spans and spans[-1].last == layer - 1:
            spans[-1] = LayerRange(spans[-1].first, layer)
        else:
            spans.append(LayerRange(layer, layer))
    return tuple(spans)


def complement(trained: Iterable[int], layers: int) -> tuple[LayerRange, ...]:
    """Return the frozen ranges: all layers that are not trained."""
    return ranges(set(range(layers)) - set(trained))


def trained_layers(frozen: Iterable[LayerRange], layers: int) -> tuple[int, ...]:
    """Return the layers outside every frozen range, in order."""
    covered = {layer for span in frozen for layer in range(span.first, span.last + 1)}
    return tuple(layer for layer in range(layers) if layer not in covered)
