"""LoRA+ (Hayou, Ghosh and Yu, 2024, arXiv 2402.12354): LoRA with a faster B; the paper recommends a ratio of 2^4."""

from __future__ import annotations

from objectives.training.methods.lora import config, size
from spaces.methods import Method

LORAPLUS = Method(low_rank=True, targets=True, config=config, size=size, on_parameters=True, b_rate=16.0)
