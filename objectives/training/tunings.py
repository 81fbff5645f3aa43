"""Methods of tuning: names to what peft and the optimiser do differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Method:
    """A way of tuning low-rank adapters."""

    options: Mapping[str, bool] = field(default_factory=dict)
    """Of peft's LoraConfig."""
    b_rate: float = 1.0
    """Learning rate of the matrices B, as a multiple of that of all other weights."""


TUNINGS: Mapping[str, Method] = {
    "lora": Method(),
    "rslora": Method({"use_rslora": True}),
    "dora": Method({"use_dora": True}),
    "loraplus": Method(b_rate=16.0),
}
"""`space.lora.method` to what it does.

`lora`: Hu et al., 2021, arXiv 2106.09685. `rslora`: the update is scaled by alpha / sqrt(rank) (Kalajdzievski, 2023,
arXiv 2312.03732). `dora`: the norm of each output is trained apart from its direction (Liu et al., 2024, arXiv
2402.09353). `loraplus`: B learns 16 times as fast as A (Hayou, Ghosh and Yu, 2024, arXiv 2402.12354, who advise 2^4).
"""
