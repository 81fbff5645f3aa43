"""Output heads of Text-to-LoRA, in three sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import nn


class Head(Protocol):
    """Output head that computes A and B for modules of one size from the output of the trunk.

    The initial weights of a head are zeros: every adapter starts as the mean to which the network adds its outputs.
    """

    def __init__(self, width: int, inputs: int, outputs: int, rank: int) -> None: ...

    def __call__(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map shape (..., rows, width) to A, shape (..., rank, inputs), and B, shape (..., outputs, rank)."""
        ...


class LargeHead(nn.Module):
    """**L**: A and B at once, from one row; width x rank x (inputs + outputs) weights."""

    def __init__(self, width: int, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self._sizes = (rank, inputs, outputs)
        self.out = _zero_linear(width, rank * (inputs + outputs))

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rank, inputs, outputs = self._sizes
        down, up = self.out(hidden[..., 0, :]).split([rank * inputs, rank * outputs], dim=-1)
        return down.unflatten(-1, (rank, inputs)), up.unflatten(-1, (outputs, rank))


class MediumHead(nn.Module):
    """**M**: one matrix from each of two rows, the first A and the second B; width x rank x max(inputs, outputs)."""

    def __init__(self, width: int, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self._sizes = (rank, inputs, outputs)
        self.out = _zero_linear(width, rank * max(inputs, outputs))

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rank, inputs, outputs = self._sizes
        down, up = self.out(hidden).unflatten(-1, (rank, -1)).unbind(dim=-3)  # each (..., rank, larger)
        return down[..., :inputs], up[..., :outputs].mT


class SmallHead(nn.Module):
    """**S**: a row of A or a column of B from each of 2 x rank rows; width x max(inputs, outputs) weights."""

    def __init__(self, width: int, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self._sizes = (rank, inputs, outputs)
        self.out = _zero_linear(width, max(inputs, outputs))

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rank, inputs, outputs = self._sizes
        down, up = self.out(hidden).split([rank, rank], dim=-2)  # each (..., rank, larger)
        return down[..., :inputs], up[..., :outputs].mT


HEADS: Mapping[str, type[Head]] = {"L": LargeHead, "M": MediumHead, "S": SmallHead}
"""Name of the head in the paper to its class."""


class Indicators(nn.Module):
    """Learned embeddings that distinguish the rows of a head: A from B (M and S), and the index along the rank (S)."""

    def __init__(self, head: str, rank: int, size: int) -> None:
        """`size`: length of each embedding."""
        super().__init__()
        self.sides = nn.Embedding(2, size) if head != "L" else None
        self.ranks = nn.Embedding(rank, size) if head == "S" else None
        self.width = size * ((head != "L") + (head == "S"))

    def forward(self) -> torch.Tensor:
        """Return the embeddings, shape (rows, width), the rows of A first."""
        if self.sides is None:
            return torch.zeros(1, 0)
        if self.ranks is None:
            return self.sides.weight
        rank = len(self.ranks.weight)
        return torch.cat([self.sides.weight.repeat_interleave(rank, dim=0), self.ranks.weight.repeat(2, 1)], dim=1)


def _zero_linear(width: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(width, outputs)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
