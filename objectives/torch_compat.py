"""Private parts of torch that training and scoring rely on: the one place to look when a new version fails.

Tested with torch 2.13.0.
"""

from __future__ import annotations

import torch


def multiply(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Compute `inputs @ weight.T + bias` by oneDNN, shapes (..., in), (out, in) and (out,), float32, without gradient.

    Calls the private operator `mkldnn._linear_pointwise`, which torch's own compiler generates. The public `linear`
    lets torch choose the library and has no option for it.
    """
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
    return product


def update_moments(
    means: list[torch.Tensor],
    squares: list[torch.Tensor],
    gradients: list[torch.Tensor],
    first: float,
    second: float,
) -> None:
    """Update Adam's running means of gradients and of their squares in place by one step, all weights at once.

    Calls torch's private `_foreach_…` operators, which its own optimizers use. Those optimizers take one learning rate
    per tensor, so they cannot be used with several rates within a tensor.
    """
    torch._foreach_lerp_(means, gradients, 1 - first)
    torch._foreach_mul_(squares, second)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)


def roots_of(squares: list[torch.Tensor], divisor: float, added: float) -> list[torch.Tensor]:
    """Return `sqrt(squares) / divisor + added` for each tensor; `squares` are not modified.

    Calls private `_foreach_…` operators, as `update_moments` does.
    """
    roots: list[torch.Tensor] = list(torch._foreach_sqrt(squares))
    torch._foreach_div_(roots, divisor)
    torch._foreach_add_(roots, added)
    return roots
