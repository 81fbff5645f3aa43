"""Adapters of one target, side by side: written by a network, trained, or read from folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from objectives import tensors
from objectives.text_to_lora.target import Target
from objectives.training.combined import scale_of
from objectives.training.stacked import Matrices, attached
from objectives.training.stage_adapter import StageAdapter
from spaces import Module

_PREFIX, _A, _B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
"""Of the names that peft gives."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """LoRA adapters of one target, side by side."""

    target: Target
    matrices: Mapping[str, Matrices]
    """Path of a module within a layer to A, shape (adapters, layers, rank, inputs), and B, shape (adapters, layers,
    outputs, rank)."""

    def __len__(self) -> int:
        return len(next(iter(self.matrices.values())).down)

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Adapters:
        """A copy of the adapters with all tensors changed."""
        changed = {path: Matrices(change(each.down), change(each.up)) for path, each in self.matrices.items()}
        return Adapters(self.target, changed)

    def chosen(self, numbers: Sequence[int]) -> Adapters:
        """Some of them."""
        return self.map(lambda tensor: tensor[list(numbers)])

    def mean(self) -> Adapters:
        """One adapter whose matrices are the means of all: the average LoRA."""
        return self.map(lambda tensor: tensor.mean(dim=0, keepdim=True))

    def repeated(self, times: int) -> Adapters:
        """Each so many times, one after the other."""
        return self.map(lambda tensor: tensor.repeat_interleave(times, dim=0))

    @property
    def flat(self) -> torch.Tensor:
        """All weights of each, shape (adapters, weights)."""
        parts = [part for each in self.matrices.values() for part in (each.down, each.up)]
        return torch.cat([part.flatten(1) for part in parts], dim=1)

    @contextmanager
    def on(self, model: torch.nn.Module) -> Iterator[None]:
        """Let a base act with them: the first rows of a batch with the first adapter, the next with the second."""
        target = self.target
        stacks = {
            target.place(module, layer): Matrices(stack.down[:, place], stack.up[:, place])
            for module in target.modules
            for stack in (self.matrices[module.path],)
            for place, layer in enumerate(target.layers)
        }
        scales = torch.full((len(self),), target.scale, device=next(model.parameters()).device)
        with attached(model, stacks, scales):
            yield

    def joined(self) -> Adapters:
        """One adapter of their ranks together, whose change of the base is the mean of theirs.

        So the adapters of a document's chunks become its own (Doc-to-LoRA); their mean rather than their sum, so that
        a long document does not shout.
        """
        number = len(self)

        def joined(each: Matrices) -> Matrices:
            layers, outputs = each.up.shape[1], each.up.shape[2]
            down = each.down.transpose(0, 1).reshape(1, layers, -1, each.down.shape[-1])
            up = each.up.permute(1, 2, 0, 3).reshape(1, layers, outputs, -1) / number
            return Matrices(down, up)

        return Adapters(self.target, {path: joined(each) for path, each in self.matrices.items()})

    def learned(self, number: int, model: torch.nn.Module, name: str) -> StageAdapter:
        """One of them as peft keeps it."""
        tensors, target = {}, self.target
        rank = next(iter(self.matrices.values())).down.shape[2]
        for module in target.modules:
            stack = self.matrices[module.path]
            for place, layer in enumerate(target.layers):
                key = _PREFIX + target.place(module, layer)
                tensors[key + _A] = stack.down[number, place].detach().cpu().contiguous()
                tensors[key + _B] = stack.up[number, place].detach().cpu().contiguous()
        return StageAdapter(name, target.config(model, rank), tensors)


def side_by_side(parts: Sequence[Adapters]) -> Adapters:
    """All adapters of several libraries of one target, in their order."""
    target = parts[0].target
    matrices = {
        module.path: Matrices(
            torch.cat([part.matrices[module.path].down for part in parts]),
            torch.cat([part.matrices[module.path].up for part in parts]),
        )
        for module in target.modules
    }
    return Adapters(target, matrices)


def matrices_of(stages: Sequence[StageAdapter]) -> dict[str, Matrices]:
    """The matrices of LoRA stages together, by full path of the module: their ranks are joined, which is exact."""
    parts: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = defaultdict(list)
    for stage in stages:
        for key, down in stage.tensors.items():
            if key.endswith(_A):
                path = key.removesuffix(_A)
                parts[path.removeprefix(_PREFIX)].append((down, stage.tensors[path + _B] * scale_of(stage, len(down))))
    return {
        path: Matrices(torch.cat([down for down, _ in each]), torch.cat([up for _, up in each], dim=1))
        for path, each in parts.items()
    }


def stacked(target: Target, found: Sequence[Mapping[str, Matrices]]) -> Adapters:
    """Adapters that were trained apart, in the form of a target that has their modules, layers and ranks.

    Args:
        target: with at least the rank of each.
        found: full path of a module to an adapter's matrices there; nothing is learned where there are none. Scales
            other than the target's go into B.
    """

    def one(module: Module, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        place = target.place(module, layer)
        filled = [
            there.filled(target.rank) if there is not None else _nothing(target.rank, module)
            for there in (each.get(place) for each in found)
        ]
        ups = [each.up.float() * (each.scale / target.scale) for each in filled]
        return torch.stack([each.down.float() for each in filled]), torch.stack(ups)

    matrices = {}
    for module in target.modules:
        layers = [one(module, layer) for layer in target.layers]
        down, up = (torch.stack(parts, dim=1) for parts in zip(*layers, strict=True))
        matrices[module.path] = Matrices(down, up)
    return Adapters(target, matrices)


def _nothing(rank: int, module: Module) -> Matrices:
    return Matrices(torch.zeros(rank, module.inputs), torch.zeros(module.outputs, rank))


def write_adapters(file: Path, adapters: Adapters) -> None:
    """Keep adapters in a file, which appears whole or not at all."""
    matrices: dict[str, torch.Tensor] = {}
    for path, each in adapters.matrices.items():
        matrices |= {f"{path}/down": each.down.cpu(), f"{path}/up": each.up.cpu()}
    tensors.write(file, matrices)


def read_adapters(file: Path, target: Target) -> Adapters:
    """The inverse of `write_adapters`."""
    stored, _ = tensors.read(file)
    paths = [module.path for module in target.modules]
    return Adapters(target, {path: Matrices(stored[f"{path}/down"], stored[f"{path}/up"]) for path in paths})
