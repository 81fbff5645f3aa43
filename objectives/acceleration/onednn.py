"""Linear modules through oneDNN, on processors where torch's usual library holds back.

torch multiplies float32 matrices with Intel's MKL, which takes its AVX2 kernels on processors of other makers, also
where they have AVX-512; oneDNN, which comes with torch too, does not ask for the maker.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from objectives.torch_compat import multiply

_CPUINFO = Path("/proc/cpuinfo")


def use_onednn(model: torch.nn.Module) -> None:
    """Let plain float32 linear modules of a model on the processor multiply through oneDNN, where that is faster."""
    if not pays():
        return
    for module in model.modules():
        if (
            type(module) is torch.nn.Linear
            and module.weight.dtype == torch.float32
            and module.weight.device.type == "cpu"
        ):
            module.__class__ = OneDnnLinear  # keeps weights, name and hooks; a copy of the module copies this too


@cache
def pays() -> bool:
    """Whether this is a processor with AVX-512 that is not Intel's, in a torch with both libraries.

    Decided by what the machine is rather than by timing it: all workers of a machine decide alike.
    """
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):  # type: ignore[no-untyped-call]
        return False
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and _maker() not in ("", "GenuineIntel")


def _maker() -> str:
    """Maker of the processor, as Linux tells it; empty where it does not."""
    if not _CPUINFO.is_file():
        return ""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")


class OneDnnLinear(torch.nn.Linear):
    """A linear module whose products are oneDNN's, forward and backward."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if inputs.dim() < 2 or not inputs.numel() or inputs.dtype != self.weight.dtype:
            return super().forward(inputs)  # oneDNN takes no empty batch, as of an expert that is not asked
        found: torch.Tensor = _Multiply.apply(inputs, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return found


class _Multiply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(inputs, weight)
        return multiply(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        inputs, weight = ctx.saved_tensors
        of_inputs, of_weight, of_bias = ctx.needs_input_grad
        rows = gradient.flatten(0, -2)
        return (
            multiply(gradient, weight.t()) if of_inputs else None,
            multiply(rows.t(), inputs.flatten(0, -2).t()) if of_weight else None,
            rows.sum(dim=0) if of_bias else None,
        )
