"""LoRA's product in one step of the gradient's tape: what peft computes, with fewer operations and fewer copies."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.layer import Linear as LoraLinear

from objectives.acceleration.onednn import OneDnnLinear
from objectives.torch_compat import multiply

_NAME = "default"
"""peft's name of a first adapter."""


def fuse_lora(tuned: torch.nn.Module) -> None:
    """Let plain LoRA modules of an adapted model take the short way."""
    for module in tuned.modules():
        if type(module) is LoraLinear and _plain(module):
            module.__class__ = FusedLoraLinear


def _plain(module: LoraLinear) -> bool:
    """Whether a module is LoRA and nothing more: no DoRA, no dropout, in float32 or on a base in bfloat16."""
    base = module.get_base_layer()
    return (
        isinstance(base, torch.nn.Linear)
        and type(base).forward in (torch.nn.Linear.forward, OneDnnLinear.forward)
        and set(module.lora_A) == {_NAME}
        and not module.lora_variant
        and isinstance(module.lora_dropout[_NAME], torch.nn.Identity)
        and not module.lora_bias[_NAME]
        and base.weight.dtype in (torch.float32, torch.bfloat16)
    )


class FusedLoraLinear(LoraLinear):  # type: ignore[misc]
    """peft's module; whatever else than a plain pass is asked of it, peft does."""

    def forward(self, inputs: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        base = self.get_base_layer()
        if args or kwargs or self.disable_adapters or self.merged or inputs.dtype != base.weight.dtype:
            found: torch.Tensor = super().forward(inputs, *args, **kwargs)
            return found
        down, up = self.lora_A[_NAME].weight, self.lora_B[_NAME].weight
        fast = isinstance(base, OneDnnLinear)
        rows = inputs.reshape(-1, inputs.shape[-1])  # out here: what a node of the tape returns must be no view
        given = (rows, base.weight, base.bias, down, up, self.scaling[_NAME], fast)
        adapted: torch.Tensor = _Adapted.apply(*given)  # type: ignore[no-untyped-call]
        return adapted.view(*inputs.shape[:-1], -1)


def _linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, fast: bool) -> torch.Tensor:
    return multiply(inputs, weight, bias) if fast else torch.nn.functional.linear(inputs, weight, bias)


class _Adapted(torch.autograd.Function):
    """x W^T + b + s (x A^T) B^T, of a W and b that are frozen (Hu et al., 2021, arXiv 2106.09685, equation 3).

    A and B, in float32, are rounded to the precision of the base for the products, as automatic mixed precision does.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
        fast: bool,
    ) -> torch.Tensor:
        down, up = down.to(rows.dtype), up.to(rows.dtype)
        low = rows @ down.t()
        outputs = _linear(rows, weight, bias, fast=fast).addmm_(low, up.t(), alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, low)
        ctx.scale, ctx.fast = scale, fast
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (outer,) = gradients
        rows, weight, down, up, low = ctx.saved_tensors
        inner = (outer @ up).mul_(ctx.scale)
        of_inputs = None
        if ctx.needs_input_grad[0]:
            of_inputs = _linear(outer, weight.t(), None, fast=ctx.fast).addmm_(inner, down)
        of_down, of_up = inner.t() @ rows, (outer.t() @ low).mul_(ctx.scale)
        return of_inputs, None, None, of_down.float(), of_up.float(), None, None
