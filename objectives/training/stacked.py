"""Several LoRA adapters on one base at once, each applied to its own rows of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn.functional import pad

_EPSILON = 1e-6
"""Value that torch's gradient clipping adds to a norm."""


@dataclass(frozen=True, slots=True)
class Matrices:
    """LoRA matrices of one module, for one adapter, or for several adapters stacked along the first dimension."""

    down: torch.Tensor
    """A, shape (rank, inputs)."""
    up: torch.Tensor
    """B, shape (outputs, rank)."""
    scale: float = 1.0
    """Scale of the product; 1 for several adapters, whose scales are stored separately."""

    def filled(self, rank: int) -> Matrices:
        """Return the matrices, zero-padded to a rank."""
        missing = rank - self.down.shape[-2]
        return Matrices(pad(self.down, (0, 0, 0, missing)), pad(self.up, (0, missing)), self.scale)


@contextmanager
def attached(model: torch.nn.Module, stacks: Mapping[str, Matrices], scales: torch.Tensor) -> Iterator[None]:
    """Add the outputs of adapters to the modules of a base inside the context; gradients reach the adapters.

    Args:
        model: the base. The first rows of a batch belong to the first adapter, the next rows to the second, and so on.
        stacks: module path to the matrices of all adapters on that module.
        scales: scale of each adapter, shape (adapters,).
    """
    with ExitStack() as hooks:
        for path, stack in stacks.items():
            module = model.get_submodule(path)
            hooks.callback(module.register_forward_hook(partial(_add_adapters, stack, scales)).remove)
        yield


def clip_each(weights: Sequence[torch.Tensor], largest: float) -> None:
    """Clip the gradient norm of each adapter separately, as torch does for a single adapter.

    Args:
        weights: weights with the adapters as their first dimension.
        largest: maximum norm of the gradient.
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    squares = torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients]).sum(dim=0)
    factors = (largest / (squares.sqrt() + _EPSILON)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factors.view(-1, *[1] * (gradient.dim() - 1)))


def _add_adapters(
    stack: Matrices, scales: torch.Tensor, _: Any, inputs: tuple[Any, ...], output: torch.Tensor
) -> torch.Tensor:
    """Add the output of each adapter to its own rows of a module's output."""
    adapters = len(scales)
    rows = inputs[0].reshape(adapters, -1, inputs[0].shape[-1])  # (adapters, rows x length, inputs)
    down, up = stack.down.to(rows.dtype), stack.up.to(rows.dtype)  # in the base's precision, as `FusedLoraLinear`
    low = torch.bmm(rows, down.transpose(1, 2)) * scales[:, None, None].to(rows.dtype)
    return output + torch.bmm(low, up.transpose(1, 2)).view(output.shape)
