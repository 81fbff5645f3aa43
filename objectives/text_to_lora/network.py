"""Hypernetwork that maps an encoded description to the matrices of an adapter, for all modules and layers at once."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.heads import HEADS, Head, Indicators
from objectives.text_to_lora.target import Target
from objectives.training.stacked import Matrices

_MIN_STD = 1e-6
"""Minimum of a standard deviation that is used as a divisor."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a hypernetwork."""

    head: str = "L"
    """One of `HEADS`."""
    width: int = 512
    """Width of the trunk."""
    task: int = 64
    """Length of f(z)."""
    place: int = 32
    """Length of the embeddings of a module, of a layer, and of each of a head's indicators."""
    depth: int = 1
    """Number of residual blocks of the trunk."""

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as JSON data."""
        return asdict(self)


class HyperNetwork(nn.Module):
    """Hypernetwork h(f(z), E[m], E[l]): the adapter of module m in layer l for the task encoded by z (eq. 3 and 4).

    Modules of equal size share a head, so nothing is padded between sizes (in heads M and S, A and B are cut from rows
    of the larger side). A head outputs standard deviations from a mean, both fixed when training starts: those of a
    library of adapters, or the initial weights of an ordinary LoRA, with a zero B. Heads start as zeros, so the first
    adapter is the mean, has the right scale, and changes nothing if that mean's B is zero.
    """

    def __init__(self, target: Target, encoding: int, shape: Shape, seed: int) -> None:
        """Draw the initial weights.

        Args:
            target: modules and layers to adapt.
            encoding: length of z.
            shape: sizes of the network.
            seed: seed of the initial weights and of the initial A.
        """
        super().__init__()
        self.target = target
        self.shape = shape
        self.encoding = encoding
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._build(target, encoding, shape)
        self.middle = nn.Buffer(torch.zeros(encoding))
        self.spread = nn.Buffer(torch.ones(encoding))

    def _build(self, target: Target, encoding: int, shape: Shape) -> None:
        self.task = nn.Sequential(nn.Linear(encoding, shape.task), nn.LayerNorm(shape.task))
        self.module = nn.Embedding(len(target.modules), shape.place)
        self.layer = nn.Embedding(len(target.layers), shape.place)
        self.indicators = Indicators(shape.head, target.rank, shape.place)
        self.trunk = _trunk(shape.task + 2 * shape.place + self.indicators.width, shape.width, shape.depth)
        sizes = target.sizes
        heads: list[Any] = [HEADS[shape.head](shape.width, *size, target.rank) for size in sizes]
        self.heads = nn.ModuleList(heads)
        self._members = [
            [place for place, module in enumerate(target.modules) if (module.inputs, module.outputs) == size]
            for size in sizes
        ]
        for place, module in enumerate(target.modules):
            down = torch.empty(len(target.layers), target.rank, module.inputs)
            bound = 1 / math.sqrt(module.inputs)  # as peft draws A
            self.register_buffer(f"down_mean_{place}", down.uniform_(-bound, bound))
            self.register_buffer(f"down_std_{place}", torch.full((len(down), 1, 1), bound / math.sqrt(3)))
            up = torch.zeros(len(target.layers), module.outputs, target.rank)
            self.register_buffer(f"up_mean_{place}", up)
            self.register_buffer(f"up_std_{place}", torch.full((len(up), 1, 1), bound / math.sqrt(3)))

    @property
    def learnable(self) -> int:
        """Number of trainable weights."""
        return sum(weight.numel() for weight in self.parameters())

    def standardize(self, encodings: torch.Tensor) -> None:
        """Standardize inputs by the mean and deviation of these encodings, shape (descriptions, encoding)."""
        self.middle.copy_(encodings.mean(dim=0))
        self.spread.copy_(encodings.std(dim=0, correction=0).clamp(min=_MIN_STD))

    def center(self, library: Adapters) -> None:
        """Scale outputs by the mean and the standard deviations of a library of adapters.

        Each matrix has one deviation, the root mean square over its weights: one per weight would inflate weights that
        hardly vary.
        """
        for index, module in enumerate(self.target.modules):
            stack = library.matrices[module.path]
            for name, values in (("down", stack.down), ("up", stack.up)):
                mean, spread = self._scaling(name, index)
                mean.copy_(values.mean(dim=0))
                deviation = (values - values.mean(dim=0)).square().mean(dim=(0, 2, 3)).sqrt()
                spread.copy_(deviation.clamp(min=_MIN_STD)[:, None, None])

    def forward(self, encodings: torch.Tensor) -> Adapters:
        """Generate adapters from encodings, shape (descriptions, encoding)."""
        return self._unstandardized(self.head_outputs(encodings))

    def head_outputs(self, encodings: torch.Tensor) -> dict[str, Matrices]:
        """Return the outputs of the heads by module, in standard deviations; shapes as in `Adapters`."""
        hidden = self.trunk(self._trunk_inputs(encodings))  # (descriptions, modules, layers, rows, width)
        outputs: dict[str, Matrices] = {}
        heads: list[Head] = list(self.heads)
        for head, members in zip(heads, self._members, strict=True):
            down, up = head(hidden[:, members])
            for index, member in enumerate(members):
                outputs[self.target.modules[member].path] = Matrices(down[:, index], up[:, index])
        return outputs

    def standardized(self, adapters: Adapters) -> dict[str, Matrices]:
        """Return the outputs of the heads that would give these adapters: the inverse of the scaling in `forward`."""
        outputs = {}
        for index, module in enumerate(self.target.modules):
            stack = adapters.matrices[module.path]
            (down_mean, down_spread), (up_mean, up_spread) = (self._scaling(name, index) for name in ("down", "up"))
            outputs[module.path] = Matrices((stack.down - down_mean) / down_spread, (stack.up - up_mean) / up_spread)
        return outputs

    def _unstandardized(self, outputs: dict[str, Matrices]) -> Adapters:
        matrices = {}
        for index, module in enumerate(self.target.modules):
            (down_mean, down_spread), (up_mean, up_spread) = (self._scaling(name, index) for name in ("down", "up"))
            output = outputs[module.path]
            matrices[module.path] = Matrices(down_mean + down_spread * output.down, up_mean + up_spread * output.up)
        return Adapters(self.target, matrices)

    def _trunk_inputs(self, encodings: torch.Tensor) -> torch.Tensor:
        """Return the inputs of the trunk, shape (descriptions, modules, layers, rows, features)."""
        task = self.task((encodings - self.middle) / self.spread)
        rows = self.indicators().to(task.device)
        sizes = (len(task), len(self.module.weight), len(self.layer.weight), len(rows))
        parts = (
            task[:, None, None, None],
            self.module.weight[None, :, None, None],
            self.layer.weight[None, None, :, None],
            rows[None, None, None],
        )
        return torch.cat([part.expand(*sizes, part.shape[-1]) for part in parts], dim=-1)

    def _scaling(self, name: str, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and spread of a module's A (`down`) or B (`up`), with the layers as the first dimension."""
        return self.get_buffer(f"{name}_mean_{index}"), self.get_buffer(f"{name}_std_{index}")


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = hidden + self.inner(hidden)
        return changed


def _trunk(features: int, width: int, depth: int) -> nn.Sequential:
    blocks = [_Block(width) for _ in range(depth)]
    return nn.Sequential(nn.Linear(features, width), nn.SiLU(), *blocks, nn.LayerNorm(width))
