"""The `space:` section of a study file: what may vary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, field_validator, model_validator

from spaces.choices import (
    FloatChoice,
    IntChoice,
    NameChoice,
    One,
    Ranged,
    RateChoice,
    Several,
    ShareChoice,
    Spec,
    form,
    options,
)
from spaces.errors import did_you_mean, listed
from spaces.methods import METHODS


class TextsSpec(Spec):
    """Which texts there are, and which of them a trial trains on."""

    folder: Path
    """Every .txt, .md and .jsonl file below it is a text; a relative path starts at the study file."""
    unit: Literal["file", "group"] = "file"
    """`group`: all files of one sub-folder are one text."""
    choose: Annotated[
        Annotated[Literal["subset", "weights", "one", "all"], One] | Annotated[list[str], Field(min_length=1), Several],
        Discriminator(form),
    ] = "subset"
    """`subset`: search over which texts, with equal shares. `weights`: over the shares of all texts. `one`: each trial
    trains on one text. `all`, or a list of names: these texts in every trial."""

    @property
    def kind(self) -> str:
        """`subset`, `weights` or `one`; `fixed` where all trials train on the same texts."""
        return self.choose if isinstance(self.choose, str) and self.choose != "all" else "fixed"


class LoraSpec(Spec):
    """The adapter."""

    method: NameChoice = "lora"
    """`lora`, `rslora` (scaled by alpha / sqrt(rank)), `dora` (norms are trained apart), `loraplus` (B learns 16 times
    as fast as A); a list is searched."""
    rank: IntChoice = 8
    alpha: FloatChoice | None = None
    """The adapter's output is scaled by alpha / rank."""
    alpha_per_rank: FloatChoice | None = None
    """Alpha as a multiple of the rank; 2 where neither is given."""
    dropout: ShareChoice = 0.0
    """Probability of dropping an input of the adapter while training."""
    targets: NameChoice = "all-linear"
    """`attention`, `mlp`, `all-linear`, or module names joined by `+`; a list is searched."""

    @field_validator("method")
    @classmethod
    def _known(cls, method: str | list[str]) -> str | list[str]:
        for name in options(method):
            if name not in METHODS:
                raise ValueError(f"must be one of {listed(METHODS)}; got {name!r}.{did_you_mean(name, METHODS)}")
        return method

    @model_validator(mode="after")
    def _one_alpha(self) -> Self:
        if self.alpha is not None and self.alpha_per_rank is not None:
            raise ValueError("give alpha or alpha_per_rank, not both")
        return self


class AnyLayers(Spec):
    """Any contiguous range of between `min` and `max` layers."""

    min: int = Field(1, ge=1)
    max: int | None = Field(None, ge=1)
    """Empty: all layers."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.min > self.max:
            raise ValueError(f"min must not exceed max, got min {self.min} and max {self.max}")
        return self


class SpaceSpec(Spec):
    """What a study searches over; every field is fixed by one value and searched by a list or a range."""

    texts: TextsSpec
    lora: LoraSpec = LoraSpec()
    layers: Annotated[
        Annotated[str, One] | Annotated[list[str], Field(min_length=1), Several] | Annotated[AnyLayers, Ranged],
        Discriminator(form),
    ] = "all"
    """Layers that get an adapter, the others stay frozen: `all`, a range such as `2-5` (from 0, both ends
    included), a list of ranges to search, or `{min: 2, max: 6}` for any range of 2 to 6 layers."""
    learning_rate: RateChoice = 1e-4

    @field_validator("layers", mode="before")
    @classmethod
    def _numbers_are_layers(cls, layers: object) -> object:
        """YAML reads the single layer `3` as a number."""
        if isinstance(layers, list):
            return [str(layer) if type(layer) is int else layer for layer in layers]
        return str(layers) if type(layers) is int else layers
