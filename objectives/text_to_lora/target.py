"""Target of a hypernetwork: the modules and layers of a base that its LoRA adapters cover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from objectives.bases.layout import find_blocks
from objectives.training.site import Site
from spaces import FieldError, Layout, Module, Tuning
from spaces.errors import listed
from spaces.methods import METHODS

if TYPE_CHECKING:
    import torch
    from peft import PeftConfig


@dataclass(frozen=True, slots=True)
class Target:
    """Modules and layers that get LoRA matrices."""

    path: str
    """Path of the list of layers in the base, such as `model.layers`."""
    layers: tuple[int, ...]
    modules: tuple[Module, ...]
    rank: int
    alpha: float

    @classmethod
    def of(cls, layout: Layout, model: torch.nn.Module, targets: str, rank: int, alpha: float) -> Target:
        """Return the target of these modules in all layers that have them.

        Raises:
            InputError: the base has no such modules, or no layer has all of them as linear modules of equal size.
        """
        paths = layout.resolve_targets(targets, "--targets")
        modules = tuple(module for module in layout.modules if module.path in paths)
        layers = tuple(layer for layer in range(layout.layers) if all(module.stands_in(layer) for module in modules))
        if not layers or any(module.experts for module in modules):
            raise FieldError(
                "--targets",
                f"must name linear modules that occur together in some layers, with the same size in all of them; of "
                f"{listed(paths)}, the base {layout.base!r} has some in different layers or in experts. Name modules "
                f"of one kind of layer, such as {listed(_most_common_modules(layout))}.",
                code="targets-unlike",
            )
        return cls(find_blocks(model)[0], layers, tuple(map(_in_all_layers, modules)), rank, alpha)

    @classmethod
    def covering(cls, layout: Layout, model: torch.nn.Module, places: Iterable[str], rank: int) -> Target:
        """Return the target of all layers and modules in `places`, full module paths, at a scale of 1."""
        path, _ = find_blocks(model)
        named = [place.removeprefix(f"{path}.").split(".", maxsplit=1) for place in places]
        inner = {module for _, module in named}
        modules = tuple(
            _in_all_layers(module) for module in layout.modules if module.path in inner and not module.experts
        )
        return cls(path, tuple(sorted({int(layer) for layer, _ in named})), modules, rank, float(rank))

    @property
    def scale(self) -> float:
        """Scale of the product of B and A."""
        return self.alpha / self.rank

    @property
    def weights(self) -> int:
        """Number of weights of one adapter."""
        return len(self.layers) * self.rank * sum(module.inputs + module.outputs for module in self.modules)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Distinct pairs of inputs and outputs of the modules."""
        return tuple(dict.fromkeys((module.inputs, module.outputs) for module in self.modules))

    def place(self, module: Module, layer: int) -> str:
        """Return the full path of a module in the base."""
        return f"{self.path}.{layer}.{module.path}"

    def config(self, model: torch.nn.Module, rank: int) -> PeftConfig:
        """Return peft's configuration of an adapter of a given rank, at the scale of the target."""
        tuning = Tuning("lora", rank, self.scale * rank, 0.0, tuple(module.path for module in self.modules))
        return METHODS["lora"].config(tuning, Site(self.path, self.layers, find_blocks(model)[1], model))

    def to_dict(self) -> dict[str, Any]:
        """Return the target as JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Target:
        """Rebuild a target from the data of `to_dict`."""
        modules = tuple(Module(**module) for module in data["modules"])
        return cls(**{**data, "layers": tuple(data["layers"]), "modules": modules})


def _in_all_layers(module: Module) -> Module:
    """Return a module without its own list of layers: it is in all layers of the target."""
    return replace(module, layers=None)


def _most_common_modules(layout: Layout) -> tuple[str, ...]:
    """Return the linear modules that occur in the most layers."""
    linear = [module for module in layout.modules if not module.experts and not module.bypassed]
    most = max(linear, key=lambda module: sum(map(module.stands_in, range(layout.layers)))).layers
    return tuple(module.path for module in linear if module.layers == most)
