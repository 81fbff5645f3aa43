"""Norms of the weight changes of a stage."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from objectives.bases.layout import find_blocks
from objectives.training.adapter import Weights
from objectives.training.stage_adapter import StageAdapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Change:
    """Change of one weight by a stage."""

    layer: int
    weight: str
    """Path of the weight within the layer, such as `self_attn.q_proj.weight`."""
    norm: float
    """Frobenius norm of the change."""
    before: float
    """Frobenius norm of the weight before the change."""


def merge_measured(model: PreTrainedModel, adapter: StageAdapter) -> tuple[list[Change], Weights]:
    """Merge the adapter of a stage into the base and measure the changes.

    Returns:
        The change of every weight of a layer that the stage changed, and the previous values of all changed weights.
    """
    path, _ = find_blocks(model)
    before = adapter.merge_into(model)
    pattern = re.compile(re.escape(path) + r"\.(\d+)\.(.+)")
    changes = []
    for name, weight in before.items():
        match = pattern.fullmatch(name)
        if match is not None:
            after = model.get_parameter(name).detach().to("cpu", torch.float32)
            norm = torch.linalg.vector_norm(after - weight.float()).item()
            changes.append(Change(int(match[1]), match[2], norm, torch.linalg.vector_norm(weight.float()).item()))
    return changes, before


def by_layer(changes: Sequence[Change]) -> dict[int, float]:
    """Return the Frobenius norm of all changes of each layer."""
    squares: dict[int, float] = defaultdict(float)
    for change in changes:
        squares[change.layer] += change.norm**2
    return {layer: squares[layer] ** 0.5 for layer in sorted(squares)}
