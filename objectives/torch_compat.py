"""What training and scoring take of torch that torch does not promise: the one place to look when a version fails.

Tried with torch 2.13.0.
"""

from __future__ import annotations

import torch


def multiply(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """`inputs @ weight.T + bias` by oneDNN, shapes (..., in), (out, in) and (out,), float32, without a gradient.

    Calls the private operator `mkldnn._linear_pointwise`, which torch's own compiler writes into what it compiles.
    The public `linear` leaves the choice of the library to torch, and has no setting for it.
    """
    found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
    return found


def update_moments(
    means: list[torch.Tensor],
    squares: list[torch.Tensor],
    gradients: list[torch.Tensor],
    first: float,
    second: float,
) -> None:
    """Let Adam's running means of gradients, and of their squares, go on by one step in place, all weights at once.

    Calls torch's private `_foreach_…` operators, which its own optimizers are made of. Those take one learning rate
    for a whole tensor, so an optimizer with more of them cannot be built from them.
    """
    torch._foreach_lerp_(means, gradients, 1 - first)
    torch._foreach_mul_(squares, second)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)


def roots_of(squares: list[torch.Tensor], divisor: float, added: float) -> list[torch.Tensor]:
    """Root of each number, divided by `divisor`, and `added` to it; `squares` stay as they are.

    By private `_foreach_…` operators, as `update_moments`.
    """
    roots: list[torch.Tensor] = list(torch._foreach_sqrt(squares))
    torch._foreach_div_(roots, divisor)
    torch._foreach_add_(roots, added)
    return roots
