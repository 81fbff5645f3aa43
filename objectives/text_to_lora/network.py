"""The hypernetwork: from an encoded description to the matrices of an adapter, all modules and layers at once."""

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

_LEAST = 1e-6
"""Of a standard deviation that something is divided by."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a hypernetwork."""

    head: str = "L"
    """One of `HEADS`."""
    width: int = 512
    """Of the trunk."""
    task: int = 64
    """Of f(z)."""
    place: int = 32
    """Of the embedding of a module, of a layer, and of each of a head's indicators."""
    depth: int = 1
    """Residual blocks of the trunk."""

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)


class HyperNetwork(nn.Module):
    """h(f(z), E[m], E[l]): what to add to module m of layer l for the task that z encodes (paper, equations 3 and 4).

    Modules of one size share a head; modules of another have one of their own, so nothing is padded between sizes
    (within M and S, A and B are cut from rows of the larger side). What a head says is in standard deviations from a
    mean, both fixed when training starts: those of a library of adapters, or the first weights of an ordinary LoRA, B
    of zeros included. Heads begin as zeros; so the first adapter is the mean, of the right scale, and changes nothing
    where that mean's B is zero.
    """

    def __init__(self, target: Target, encoding: int, shape: Shape, seed: int) -> None:
        """Draw first weights.

        Args:
            target: what to write.
            encoding: length of z.
            shape: sizes of the network.
            seed: of its first weights and of the first A.
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
        """Weights that are trained."""
        return sum(weight.numel() for weight in self.parameters())

    def standardize(self, encodings: torch.Tensor) -> None:
        """See descriptions as these vary, shape (descriptions, encoding)."""
        self.middle.copy_(encodings.mean(dim=0))
        self.spread.copy_(encodings.std(dim=0, correction=0).clamp(min=_LEAST))

    def centre(self, library: Adapters) -> None:
        """Write adapters as deviations from those of a library, in their standard deviations.

        Each matrix has one deviation, the root of the mean over its weights: a weight of its own would make a great
        deal of weights that hardly vary.
        """
        for place, module in enumerate(self.target.modules):
            stack = library.matrices[module.path]
            for name, values in (("down", stack.down), ("up", stack.up)):
                mean, spread = self._scaling(name, place)
                mean.copy_(values.mean(dim=0))
                deviation = (values - values.mean(dim=0)).square().mean(dim=(0, 2, 3)).sqrt()
                spread.copy_(deviation.clamp(min=_LEAST)[:, None, None])

    def forward(self, encodings: torch.Tensor) -> Adapters:
        """Adapters for shape (descriptions, encoding)."""
        return self._written(self.answers(encodings))

    def answers(self, encodings: torch.Tensor) -> dict[str, Matrices]:
        """The heads' outputs, in standard deviations, by module: shapes as in `Adapters`."""
        hidden = self.trunk(self._asked(encodings))  # (descriptions, modules, layers, rows, width)
        found: dict[str, Matrices] = {}
        heads: list[Head] = list(self.heads)
        for head, members in zip(heads, self._members, strict=True):
            down, up = head(hidden[:, members])
            for place, member in enumerate(members):
                found[self.target.modules[member].path] = Matrices(down[:, place], up[:, place])
        return found

    def standardized(self, adapters: Adapters) -> dict[str, Matrices]:
        """Adapters as the heads would have to say them: the inverse of what `forward` does with answers."""
        found = {}
        for place, module in enumerate(self.target.modules):
            stack = adapters.matrices[module.path]
            (down_mean, down_spread), (up_mean, up_spread) = (self._scaling(name, place) for name in ("down", "up"))
            found[module.path] = Matrices((stack.down - down_mean) / down_spread, (stack.up - up_mean) / up_spread)
        return found

    def _written(self, answers: dict[str, Matrices]) -> Adapters:
        found = {}
        for place, module in enumerate(self.target.modules):
            (down_mean, down_spread), (up_mean, up_spread) = (self._scaling(name, place) for name in ("down", "up"))
            answer = answers[module.path]
            found[module.path] = Matrices(down_mean + down_spread * answer.down, up_mean + up_spread * answer.up)
        return Adapters(self.target, found)

    def _asked(self, encodings: torch.Tensor) -> torch.Tensor:
        """The inputs of the trunk, shape (descriptions, modules, layers, rows, features)."""
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

    def _scaling(self, name: str, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and spread of a module's A (`down`) or B (`up`), with the layers as a first dimension."""
        return self.get_buffer(f"{name}_mean_{place}"), self.get_buffer(f"{name}_std_{place}")


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
