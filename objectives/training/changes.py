"""How much a stage has changed: the norm of the change of every weight."""

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
    """The change of one weight by a stage."""

    layer: int
    weight: str
    """Its path within the layer, such as `self_attn.q_proj.weight`."""
    norm: float
    """Frobenius norm of the change."""
    before: float
    """That of the weight before."""


def merge_measured(model: PreTrainedModel, learned: StageAdapter) -> tuple[list[Change], Weights]:
    """Let what a stage has learned become part of the base.

    Returns:
        The change of every weight that the stage trained, and what these weights were before.
    """
    path, _ = find_blocks(model)
    before = learned.merge_into(model)
    place = re.compile(re.escape(path) + r"\.(\d+)\.(.+)")
    found = []
    for name, weight in before.items():
        match = place.fullmatch(name)
        if match is not None:
            now = model.get_parameter(name).detach().to("cpu", torch.float32)
            norm = torch.linalg.vector_norm(now - weight.float()).item()
            found.append(Change(int(match[1]), match[2], norm, torch.linalg.vector_norm(weight.float()).item()))
    return found, before


def by_layer(changes: Sequence[Change]) -> dict[int, float]:
    """Frobenius norm of all changes of a layer together."""
    squares: dict[int, float] = defaultdict(float)
    for change in changes:
        squares[change.layer] += change.norm**2
    return {layer: squares[layer] ** 0.5 for layer in sorted(squares)}
