"""Helpers that tests of training share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from objectives.spec import FinetuneSpec

if TYPE_CHECKING:
    import torch


def spec(**fields: Any) -> FinetuneSpec:
    heldout = [{"kind": "heldout", "files": ["a"]}]
    return FinetuneSpec.model_validate(
        {"tokens": 640, "sequence_length": 16, "batch_size": 4, "warmup_steps": 2, "scores": heldout, **fields}
    )


class Constant:
    """A stream that gives one sequence over and over."""

    def __init__(self, length: int = 16) -> None:
        self._row = np.arange(5, 5 + length, dtype=np.int64)

    def batch(self, _start: int, size: int) -> np.ndarray:
        return np.stack([self._row] * size)


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}
