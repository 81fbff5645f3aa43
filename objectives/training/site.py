"""Site of a stage: the layers and modules of a base that the stage trains."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
from transformers.pytorch_utils import Conv1D

from objectives.bases.layout import expert_weights, find_blocks, is_linear
from spaces import Stage
from spaces.layout import trained_layers
from spaces.methods import METHODS


@dataclass(frozen=True, slots=True)
class Site:
    """Layers of a base that a stage trains."""

    path: str
    """Path of the list of layers, such as `model.layers`."""
    layers: tuple[int, ...]
    blocks: torch.nn.ModuleList
    """All layers of the base."""
    model: torch.nn.Module

    @classmethod
    def of(cls, model: torch.nn.Module, stage: Stage) -> Site:
        """Return the site of a stage."""
        path, blocks = find_blocks(model)
        return cls(path, trained_layers(stage.frozen, len(blocks)), blocks, model)

    @property
    def transposed(self) -> bool:
        """Whether linear modules keep their weights transposed, as GPT-2's do."""
        return any(isinstance(module, Conv1D) for module in self.blocks.modules())

    def linear(self, targets: Collection[str]) -> dict[str, torch.nn.Module]:
        """Return linear modules by full path; `targets`: paths within a layer."""
        return {path: module for path, inner, module in self._named_modules() if inner in targets and is_linear(module)}

    def experts(self, targets: Collection[str]) -> list[str]:
        """Return the full paths of parameters that hold experts' matrices; `targets`: paths within a layer."""
        return [
            f"{path}.{key}"
            for path, inner, module in self._named_modules()
            for key, _ in expert_weights(module)
            if f"{inner}.{key}" in targets
        ]

    def _named_modules(self) -> Iterator[tuple[str, str, torch.nn.Module]]:
        """Yield full path, path within the layer, and module, for all modules in the layers of the site."""
        for layer in self.layers:
            for inner, module in self.blocks[layer].named_modules():
                yield f"{self.path}.{layer}.{inner}", inner, module


def lowest_trained(model: torch.nn.Module, stage: Stage) -> int:
    """Return the lowest layer that a stage changes; 0 if the stage also changes modules below the layers."""
    return 0 if METHODS[stage.tuning.method].whole else min(Site.of(model, stage).layers, default=0)
