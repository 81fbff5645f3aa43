"""Linear modules that multiply through oneDNN, for processors on which MKL is slow.

torch multiplies float32 matrices with Intel's MKL, which uses its AVX2 kernels on processors of other vendors even if
they have AVX-512. oneDNN, which also ships with torch, does not check the vendor.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from objectives.torch_compat import multiply

_CPUINFO = Path("/proc/cpuinfo")


def use_onednn(model: torch.nn.Module) -> None:
    """Make a model's plain float32 linear modules on the CPU multiply through oneDNN, if that is faster."""
    if not pays():
        return
    for module in model.modules():
        if (
            type(module) is torch.nn.Linear
            and module.weight.dtype == torch.float32
            and module.weight.device.type == "cpu"
        ):
            module.__class__ = OneDnnLinear  # keeps weights, name and hooks, and survives a copy of the module


@cache
def pays() -> bool:
    """Whether oneDNN is faster here: the processor has AVX-512 and is not Intel's, and torch has both libraries.

    Decided from the hardware rather than by timing, so that all workers of a machine decide the same.
    """
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):  # type: ignore[no-untyped-call]
        return False
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and _vendor() not in ("", "GenuineIntel")


def _vendor() -> str:
    """Return the vendor of the processor as Linux reports it, or an empty string if it is not reported."""
    if not _CPUINFO.is_file():
        return ""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")


class OneDnnLinear(torch.nn.Linear):
    """A linear module that computes its forward and backward products with oneDNN."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if inputs.dim() < 2 or not inputs.numel() or inputs.dtype != self.weight.dtype:
            return super().forward(inputs)  # oneDNN rejects an empty batch, such as that of an expert without tokens
        outputs: torch.Tensor = _Multiply.apply(inputs, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return outputs


class _Multiply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(inputs, weight)
        return multiply(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        inputs, weight = ctx.saved_tensors
        needs_inputs, needs_weight, needs_bias = ctx.needs_input_grad
        rows = gradient.flatten(0, -2)
        return (
            multiply(gradient, weight.t()) if needs_inputs else None,
            multiply(rows.t(), inputs.flatten(0, -2).t()) if needs_weight else None,
            rows.sum(dim=0) if needs_bias else None,
        )
