"""LoRA forward and backward passes as one autograd function: peft's result with fewer operations and copies."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.layer import Linear as LoraLinear

from objectives.acceleration.onednn import OneDnnLinear
from objectives.torch_compat import multiply

_NAME = "default"
"""Name that peft gives to the first adapter."""


def fuse_lora(tuned: torch.nn.Module) -> None:
    """Replace the plain LoRA modules of an adapted model with `FusedLoraLinear`, in place."""
    for module in tuned.modules():
        if type(module) is LoraLinear and _is_plain(module):
            module.__class__ = FusedLoraLinear


def _is_plain(module: LoraLinear) -> bool:
    """Whether a module is plain LoRA: no DoRA, no dropout, no bias, and a base weight in float32 or bfloat16."""
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
    """A LoRA module with a fused plain forward pass; every other call falls back to peft."""

    def forward(self, inputs: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        base = self.get_base_layer()
        if args or kwargs or self.disable_adapters or self.merged or inputs.dtype != base.weight.dtype:
            outputs: torch.Tensor = super().forward(inputs, *args, **kwargs)
            return outputs
        down, up = self.lora_A[_NAME].weight, self.lora_B[_NAME].weight
        fast = isinstance(base, OneDnnLinear)
        rows = inputs.reshape(-1, inputs.shape[-1])  # reshaped here because an autograd function must not return a view
        arguments = (rows, base.weight, base.bias, down, up, self.scaling[_NAME], fast)
        adapted: torch.Tensor = _FusedLora.apply(*arguments)  # type: ignore[no-untyped-call]
        return adapted.view(*inputs.shape[:-1], -1)


def _linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, fast: bool) -> torch.Tensor:
    return multiply(inputs, weight, bias) if fast else torch.nn.functional.linear(inputs, weight, bias)


class _FusedLora(torch.autograd.Function):
    """x W^T + b + s (x A^T) B^T with frozen W and b (Hu et al., 2021, arXiv 2106.09685, equation 3).

    A and B are float32 and are cast to the precision of the base for the products, as automatic mixed precision does.
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
        (grad_outputs,) = gradients
        rows, weight, down, up, low = ctx.saved_tensors
        grad_low = (grad_outputs @ up).mul_(ctx.scale)
        grad_inputs = None
        if ctx.needs_input_grad[0]:
            grad_inputs = _linear(grad_outputs, weight.t(), None, fast=ctx.fast).addmm_(grad_low, down)
        grad_down, grad_up = grad_low.t() @ rows, (grad_outputs.t() @ low).mul_(ctx.scale)
        return grad_inputs, None, None, grad_down.float(), grad_up.float(), None, None
