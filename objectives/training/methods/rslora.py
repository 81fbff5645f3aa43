"""rsLoRA (Kalajdzievski, 2023, arXiv 2312.03732): LoRA whose update is scaled by alpha / sqrt(rank)."""

from __future__ import annotations

from functools import partial

from objectives.training.methods.lora import config, size
from spaces.methods import Method

RSLORA = Method(low_rank=True, targets=True, config=partial(config, use_rslora=True), size=size, on_parameters=True)
