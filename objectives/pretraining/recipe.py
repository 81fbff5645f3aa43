"""Sizes, rates and optimizer for training a small model from random weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from objectives.training.fit import descend

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class PretrainRecipe:
    """Sizes and rates of one pretraining run; the defaults give about 0.9 million parameters."""

    vocabulary: int = 800
    width: int = 128
    layers: int = 4
    heads: int = 4
    mlp: int = 320
    context: int = 256
    initializer_range: float = 0.07
    """Standard deviation of the random weights: 0.02, usual for wide models, learns too slowly at width 128."""
    steps: int = 3000
    batch: int = 32
    """Sequences per step."""
    length: int = 64
    """Tokens per sequence."""
    matrix_rate: float = 8e-3
    """Peak learning rate of Muon, on the two-dimensional hidden weights."""
    other_rate: float = 4e-3
    """Peak learning rate of AdamW, on embeddings and norms."""
    weight_decay: float = 0.02
    warmup: int = 50
    """Steps of linear warm-up."""
    constant_until: float = 0.7
    """Share of the run at the peak rate; then linear decay to zero."""
    prompt_weight: float = 0.1
    """Loss weight of prompt tokens; completion tokens weigh 1."""
    seed: int = 1


class MuonAdam:
    """Muon (Jordan et al., 2024) on the matrices of the layers, AdamW on embeddings and norms, on one schedule."""

    def __init__(self, model: PreTrainedModel, recipe: PretrainRecipe) -> None:
        """Create one optimizer for the matrices of the layers and one for the other weights."""
        matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
        matrix_ids = {id(weight) for weight in matrices}
        others = [weight for weight in model.parameters() if id(weight) not in matrix_ids]
        self._recipe = recipe
        self._optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon([{"params": matrices, "peak": recipe.matrix_rate}], weight_decay=recipe.weight_decay),
            torch.optim.AdamW([{"params": others, "peak": recipe.other_rate}], weight_decay=recipe.weight_decay),
        ]

    def step(self, step: int) -> None:
        """Update the weights from their gradients, at the learning rate of a step, numbered from 0."""
        for optimizer in self._optimizers:
            descend(optimizer, self._rate(step))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the state of the optimizers as tensors, to resume later."""
        return {
            f"{part}.{index}.{name}": value
            for part, optimizer in enumerate(self._optimizers)
            for index, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Restore the state that `tensors` returned."""
        states: list[dict[int, dict[str, torch.Tensor]]] = [{} for _ in self._optimizers]
        for key, value in tensors.items():
            part, index, name = key.split(".")
            states[int(part)].setdefault(int(index), {})[name] = value
        for optimizer, state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

    def _rate(self, step: int) -> float:
        """Return the share of the peak rate: warm-up, constant, linear decay."""
        recipe = self._recipe
        decay_from = recipe.constant_until * recipe.steps
        return min(1.0, (step + 1) / recipe.warmup, (recipe.steps - step) / (recipe.steps - decay_from))
