"""Methods of tuning and what a study has to say of them; `objectives.training.tunings` has what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """What a method of tuning is told."""

    low_rank: bool
    """Whether it has a rank, a scale and a dropout."""
    targets: bool
    """Whether it sits on target modules; one that does not changes whole layers."""
    whole: bool = False
    """Whether it trains the whole model, from random weights."""

    @property
    def copies(self) -> bool:
        """Whether it trains weights of the base itself, on copies, rather than a few beside them."""
        return not self.targets


_LOW_RANK = Method(low_rank=True, targets=True)
_COPIES = Method(low_rank=False, targets=False)

METHODS: Mapping[str, Method] = {
    "lora": _LOW_RANK,
    "rslora": _LOW_RANK,
    "dora": _LOW_RANK,
    "loraplus": _LOW_RANK,
    "ia3": Method(low_rank=False, targets=True),
    "bitfit": _COPIES,
    "layernorm": _COPIES,
    "full": _COPIES,
    "from_scratch": Method(low_rank=False, targets=False, whole=True),
}
"""`space.tuning.method` to what it is told."""
