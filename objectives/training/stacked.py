"""Several LoRA adapters on one base at once: each sees its own rows of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn.functional import pad

_LEAST = 1e-6
"""What torch's clipping adds to a norm."""


@dataclass(frozen=True, slots=True)
class Matrices:
    """The LoRA matrices of one module, for one adapter, or for several with the adapters as a first dimension."""

    down: torch.Tensor
    """A, shape (rank, inputs)."""
    up: torch.Tensor
    """B, shape (outputs, rank)."""
    scale: float = 1.0
    """Of their product; 1 for those of several adapters, which keep theirs apart."""

    def filled(self, rank: int) -> Matrices:
        """With zeros up to a rank."""
        more = rank - self.down.shape[-2]
        return Matrices(pad(self.down, (0, 0, 0, more)), pad(self.up, (0, more)), self.scale)


@contextmanager
def attached(model: torch.nn.Module, stacks: Mapping[str, Matrices], scales: torch.Tensor) -> Iterator[None]:
    """Let the modules of a base add what adapters say; gradients reach the adapters.

    Args:
        model: the base. The rows of its batches are those of the first adapter, then those of the second, and so on.
        stacks: path of a module to the matrices of all adapters there.
        scales: of each adapter's products, shape (adapters,).
    """
    with ExitStack() as hooks:
        for path, stack in stacks.items():
            module = model.get_submodule(path)
            hooks.callback(module.register_forward_hook(partial(_adapt, stack, scales)).remove)
        yield


def clip_each(weights: Sequence[torch.Tensor], largest: float) -> None:
    """Shorten each adapter's gradient to the largest norm allowed, as torch does for one alone.

    `weights` have the adapters as their first dimension.
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    squares = torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients]).sum(dim=0)
    shorter = (largest / (squares.sqrt() + _LEAST)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(shorter.view(-1, *[1] * (gradient.dim() - 1)))


def _adapt(stack: Matrices, scales: torch.Tensor, _: Any, given: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
    """A module's output and the adapters', each for its own rows of the batch."""
    adapters = len(scales)
    rows = given[0].reshape(adapters, -1, given[0].shape[-1])  # (adapters, rows x length, inputs)
    down, up = stack.down.to(rows.dtype), stack.up.to(rows.dtype)  # in the base's precision, as `FusedLoraLinear`
    low = torch.bmm(rows, down.transpose(1, 2)) * scales[:, None, None].to(rows.dtype)
    return output + torch.bmm(low, up.transpose(1, 2)).view(output.shape)
