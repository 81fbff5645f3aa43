"""One choice out of the space: what a trial trains on and how."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from spaces.errors import MixtuneError
from spaces.methods import METHODS

Split = Literal["search", "holdout"]
"""Of a benchmark's questions: what the search may see, or what it never sees."""


@dataclass(frozen=True, slots=True)
class CorpusMix:
    """Texts and their shares of the training tokens; the empty mix trains on nothing."""

    weights: tuple[tuple[str, float], ...]
    """Text name and share; the shares sum to 1."""

    def __post_init__(self) -> None:
        total = math.fsum(weight for _, weight in self.weights)
        if self.weights and not math.isclose(total, 1.0, abs_tol=1e-9):
            raise MixtuneError(
                f"The weights of a mix must sum to 1, got {total} from {dict(self.weights)}.", code="mix-sum"
            )

    @classmethod
    def equal(cls, names: Iterable[str]) -> CorpusMix:
        """Every named text with the same share."""
        names = tuple(names)
        return cls(tuple((name, 1 / len(names)) for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.weights)


@dataclass(frozen=True, slots=True, order=True)
class LayerRange:
    """Layers from `first` to `last`, both included, numbered from 0."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the weights may change."""

    method: str
    rank: int
    alpha: float
    """The adapter's output is scaled by alpha / rank."""
    dropout: float
    targets: tuple[str, ...]
    """Paths of modules within a layer, such as `self_attn.q_proj`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Training on one mix with one tuning."""

    name: str
    mix: CorpusMix
    tuning: Tuning
    frozen: tuple[LayerRange, ...]
    budget: int
    """Training tokens."""
    learning_rate: float
    own_mix: bool = False
    """Whether the mix is the stage's own, the same in every trial of a study."""


@dataclass(frozen=True, slots=True)
class TrialConfig:
    """Everything that determines a trial's outcome, given the corpus and the objective."""

    base: str
    seed: int
    """Of the data order, the adapter's first weights and dropout."""
    stages: tuple[Stage, ...]
    max_epochs: float | None = None
    """How often a text may be read, all stages together; `spaces.repetition` has what that makes of the stages."""

    @property
    def mix(self) -> CorpusMix:
        """The mix that a study searches; the first stage's where every stage has its own."""
        return next((stage.mix for stage in self.stages if not stage.own_mix), self.stages[0].mix)

    @property
    def trains(self) -> bool:
        """Whether any stage trains on anything."""
        return any(stage.mix.names for stage in self.stages)

    @property
    def from_scratch(self) -> bool:
        """Whether the model begins with random weights instead of the base's."""
        return METHODS[self.stages[0].tuning.method].whole

    def untrained(self) -> TrialConfig:
        """The untouched base: the same trial with nothing to train on in any stage."""
        return replace(self, stages=tuple(replace(stage, mix=CorpusMix(())) for stage in self.stages))

    def on(self, mix: CorpusMix) -> TrialConfig:
        """The trial with another mix in every stage that has none of its own."""
        return replace(self, stages=tuple(stage if stage.own_mix else replace(stage, mix=mix) for stage in self.stages))

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the sha256 of the configuration."""
        return self.fingerprint_on("search")

    def fingerprint_on(self, split: Split) -> str:
        """The fingerprint of the trial's run on a split of the questions, by which that run's state is known."""
        return fingerprint(self.to_dict() | {"half": split})  # a former field: states of old studies are found by it

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TrialConfig:
        """The inverse of `to_dict`, also after a round trip through JSON."""
        return cls(
            data["base"],
            data["seed"],
            tuple(_stage(stage) for stage in data["stages"]),
            data.get("max_epochs"),
        )


def _stage(data: dict[str, Any]) -> Stage:
    tuning = data["tuning"]
    return Stage(
        name=data["name"],
        mix=CorpusMix(tuple((name, weight) for name, weight in data["mix"]["weights"])),
        tuning=Tuning(**{**tuning, "targets": tuple(tuning["targets"])}),
        frozen=tuple(LayerRange(**span) for span in data["frozen"]),
        budget=data["budget"],
        learning_rate=data["learning_rate"],
        own_mix=data.get("own_mix", False),
    )


def fingerprint(data: object) -> str:
    """The first 16 hex digits of the sha256 of JSON data; equal data, however ordered, gives equal digits."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
