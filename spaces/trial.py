"""Configuration of a trial: the texts that it trains on, and how."""

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
"""Split of a benchmark's questions: those that the search scores on, or those held out from it."""


@dataclass(frozen=True, slots=True)
class CorpusMix:
    """Texts and their shares of the training tokens; the empty mix trains on nothing."""

    weights: tuple[tuple[str, float], ...]
    """Pairs of text name and share; the shares sum to 1."""

    def __post_init__(self) -> None:
        total = math.fsum(weight for _, weight in self.weights)
        if self.weights and not math.isclose(total, 1.0, abs_tol=1e-9):
            raise MixtuneError(
                f"The weights of a mix must sum to 1, got {total} from {dict(self.weights)}.", code="mix-sum"
            )

    @classmethod
    def equal(cls, names: Iterable[str]) -> CorpusMix:
        """Return a mix of the named texts with equal shares."""
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
    """All settings that determine a trial's outcome, given the corpus and the objective."""

    base: str
    seed: int
    """Seed of the data order, the adapter's initial weights and dropout."""
    stages: tuple[Stage, ...]
    max_epochs: float | None = None
    """How often a text may be read in all stages together; `spaces.repetition` applies the limit to the stages."""

    @property
    def mix(self) -> CorpusMix:
        """The searched mix, or the first stage's mix if every stage has its own."""
        return next((stage.mix for stage in self.stages if not stage.own_mix), self.stages[0].mix)

    @property
    def trains(self) -> bool:
        """Whether any stage trains on anything."""
        return any(stage.mix.names for stage in self.stages)

    @property
    def from_scratch(self) -> bool:
        """Whether the model starts from random weights instead of the base's."""
        return METHODS[self.stages[0].tuning.method].whole

    def untrained(self) -> TrialConfig:
        """Return the trial without any texts in its stages, which is the untouched base."""
        return replace(self, stages=tuple(replace(stage, mix=CorpusMix(())) for stage in self.stages))

    def on(self, mix: CorpusMix) -> TrialConfig:
        """Return the trial with another mix in every stage that does not have its own."""
        return replace(self, stages=tuple(stage if stage.own_mix else replace(stage, mix=mix) for stage in self.stages))

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 of the configuration, for the search split."""
        return self.fingerprint_on("search")

    def fingerprint_on(self, split: Split) -> str:
        """Return the fingerprint that identifies the state of the trial's run on a split of the questions."""
        return fingerprint(self.to_dict() | {"half": split})  # the former field name keeps states of old studies valid

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TrialConfig:
        """Build a configuration from the output of `to_dict`, also after a round trip through JSON."""
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
    """Return the first 16 hex digits of the SHA-256 of JSON data, independent of the order of keys."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
