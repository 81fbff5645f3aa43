"""Methods of tuning by name; another package adds one by an entry point of the group `mixtune.methods`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spaces.kinds import Kinds

if TYPE_CHECKING:
    from spaces.layout import Layout, Module
    from spaces.trial import Tuning


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a method needs and a base has not."""

    code: str
    says: str


def _all(_: str) -> bool:
    return True


def _nothing(_: Layout) -> None:
    return None


def _no_copies(_: Layout) -> tuple[int, ...]:
    return ()


def _no_weights(_tuning: Tuning, _module: Module) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Method:
    """A way of changing what a base does, and all that the rest of the program must know of it."""

    low_rank: bool
    """Whether it has a rank, a scale and a dropout."""
    targets: bool
    """Whether it sits on target modules; one that does not changes whole layers."""
    config: Callable[..., Any]
    """From a `spaces.Tuning` and an `objectives.training.site.Site` to the configuration of peft."""
    size: Callable[[Tuning, Module], int] = _no_weights
    """Number of weights that it puts on a target module."""
    copied: Callable[[Layout], tuple[int, ...]] = _no_copies
    """Number of the base's own weights that it trains in each layer; empty where the layout does not say."""
    missing: Callable[[Layout], Missing | None] = _nothing
    """What a base has not that it needs; None where nothing."""
    on_parameters: bool = False
    """Whether peft can put it on a parameter of a module (`target_parameters`), such as experts' matrices."""
    linear_alone: bool = False
    """Whether it sits on linear modules alone, also where LoRA reaches them as parameters."""
    anywhere: bool = False
    """Whether it finds something to train in every layer."""
    whole: bool = False
    """Whether it trains the whole model, from random weights."""
    b_rate: float = 1.0
    """Learning rate of LoRA's matrices B, as a multiple of that of all other weights."""
    trains: Callable[[str], bool] = _all
    """Which weights of the copies that peft made, by name; the others are the base's own."""

    @property
    def copies(self) -> bool:
        """Whether it trains weights of the base itself, on copies, rather than a few beside them."""
        return not self.targets


METHODS: Kinds[Method] = Kinds(
    "mixtune.methods",
    {
        "lora": "objectives.training.methods.lora:LORA",
        "rslora": "objectives.training.methods.rslora:RSLORA",
        "dora": "objectives.training.methods.dora:DORA",
        "loraplus": "objectives.training.methods.loraplus:LORAPLUS",
        "ia3": "objectives.training.methods.ia3:IA3",
        "bitfit": "objectives.training.methods.bitfit:BITFIT",
        "layernorm": "objectives.training.methods.layernorm:LAYERNORM",
        "full": "objectives.training.methods.full:FULL",
        "from_scratch": "objectives.training.methods.from_scratch:FROM_SCRATCH",
    },
)
"""`space.tuning.method` to what it is; the rows import peft only when an adapter is made."""
