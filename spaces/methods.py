"""Tuning methods by name; another package adds one with an entry point of the group `mixtune.methods`."""

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
    """Something that a method needs and that a base does not have."""

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
    """A tuning method, with everything that the rest of the program must know about the method."""

    low_rank: bool
    """Whether the method has a rank, a scale and a dropout."""
    targets: bool
    """Whether the method adapts target modules; otherwise, whole layers change."""
    config: Callable[..., Any]
    """Function from a `spaces.Tuning` and an `objectives.training.site.Site` to a peft configuration."""
    size: Callable[[Tuning, Module], int] = _no_weights
    """Function that returns the number of weights that the method adds to a target module."""
    copied: Callable[[Layout], tuple[int, ...]] = _no_copies
    """Function that returns the number of base weights trained in each layer; empty if the layout has no numbers."""
    missing: Callable[[Layout], Missing | None] = _nothing
    """Function that returns what the method needs and a base does not have; None if nothing is missing."""
    on_parameters: bool = False
    """Whether peft can adapt a parameter of a module with the method (`target_parameters`), such as expert matrices."""
    linear_alone: bool = False
    """Whether the method adapts only linear modules, even those that LoRA reaches as parameters."""
    anywhere: bool = False
    """Whether the method can train something in every layer."""
    whole: bool = False
    """Whether the method trains the whole model, from random weights."""
    b_rate: float = 1.0
    """Learning rate of LoRA's B matrices, as a multiple of the rate of all other weights."""
    trains: Callable[[str], bool] = _all
    """Predicate on the names of the weights that peft copied: whether the method trains that weight."""

    @property
    def copies(self) -> bool:
        """Whether the method trains copies of the base's own weights, rather than a few added weights."""
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
"""`space.tuning.method` to its `Method`; the rows import peft only when an adapter is built."""
