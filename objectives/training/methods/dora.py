"""DoRA (Liu et al., 2024, arXiv 2402.09353): LoRA that trains the norm and the direction of each output separately."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from objectives.training.methods.lora import config, size
from spaces.methods import Method

if TYPE_CHECKING:
    from spaces import Module, Tuning


def _size(tuning: Tuning, module: Module) -> int:
    """Return the number of LoRA weights plus one norm for each output."""
    return size(tuning, module) + module.outputs


DORA = Method(low_rank=True, targets=True, config=partial(config, use_dora=True), size=_size)
