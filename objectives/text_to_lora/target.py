"""What a hypernetwork writes: a LoRA adapter for chosen modules in chosen layers."""

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
    """Modules and layers that get matrices A and B."""

    path: str
    """Of the list of layers in the base, such as `model.layers`."""
    layers: tuple[int, ...]
    modules: tuple[Module, ...]
    rank: int
    alpha: float

    @classmethod
    def of(cls, layout: Layout, model: torch.nn.Module, targets: str, rank: int, alpha: float) -> Target:
        """In all layers of a base that have these modules.

        Raises:
            InputError: the base has no such modules, or no layer has all of them as linear modules of one size.
        """
        paths = layout.resolve_targets(targets, "--targets")
        modules = tuple(module for module in layout.modules if module.path in paths)
        layers = tuple(layer for layer in range(layout.layers) if all(module.stands_in(layer) for module in modules))
        if not layers or any(module.experts for module in modules):
            raise FieldError(
                "--targets",
                f"must name linear modules that stand side by side in some layers, with one size in all of them; of "
                f"{listed(paths)}, the base {layout.base!r} keeps some in unlike layers or in experts. Name modules "
                f"of one kind of layer, such as {listed(_together(layout))}.",
                code="targets-unlike",
            )
        return cls(find_blocks(model)[0], layers, tuple(map(_everywhere, modules)), rank, alpha)

    @classmethod
    def covering(cls, layout: Layout, model: torch.nn.Module, places: Iterable[str], rank: int) -> Target:
        """All layers and modules of a base that full paths of modules name, at a scale of 1."""
        path, _ = find_blocks(model)
        named = [place.removeprefix(f"{path}.").split(".", maxsplit=1) for place in places]
        inner = {module for _, module in named}
        modules = tuple(_everywhere(module) for module in layout.modules if module.path in inner and not module.experts)
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
        """Inputs and outputs that occur, each once."""
        return tuple(dict.fromkeys((module.inputs, module.outputs) for module in self.modules))

    def place(self, module: Module, layer: int) -> str:
        """Full path of a module in the base."""
        return f"{self.path}.{layer}.{module.path}"

    def config(self, model: torch.nn.Module, rank: int) -> PeftConfig:
        """Peft's configuration of such an adapter of any rank, at the same scale."""
        tuning = Tuning("lora", rank, self.scale * rank, 0.0, tuple(module.path for module in self.modules))
        return METHODS["lora"].config(tuning, Site(self.path, self.layers, find_blocks(model)[1], model))

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Target:
        """The inverse of `to_dict`."""
        modules = tuple(Module(**module) for module in data["modules"])
        return cls(**{**data, "layers": tuple(data["layers"]), "modules": modules})


def _everywhere(module: Module) -> Module:
    """A module as a target has it: in all of the target's layers."""
    return replace(module, layers=None)


def _together(layout: Layout) -> tuple[str, ...]:
    """Linear modules that the most layers have."""
    linear = [module for module in layout.modules if not module.experts and not module.bypassed]
    most = max(linear, key=lambda module: sum(map(module.stands_in, range(layout.layers)))).layers
    return tuple(module.path for module in linear if module.layers == most)
