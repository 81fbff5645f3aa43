"""The `space:` section of a study file: the settings that may vary."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, field_validator, model_validator

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
from spaces.errors import UnfitError
from spaces.methods import METHODS

MOST_ORDERED = 4
"""Largest number of stages whose order can be searched: 24 orders."""


class TextsSpec(Spec):
    """The texts of a study, and which of them a trial trains on."""

    folder: Path
    """Every .txt, .md and .jsonl file below it is a text; a relative path starts at the study file."""
    unit: Literal["file", "group"] = "file"
    """`group`: all files of one sub-folder are one text."""
    choose: Annotated[
        Annotated[Literal["subset", "weights", "one", "all"], One] | Annotated[list[str], Field(min_length=1), Several],
        Discriminator(form),
    ] = "subset"
    """`subset`: search which texts are used, with equal shares. `weights`: search the shares of all texts. `one`: each
    trial trains on one text. `all`, or a list of names of texts or sub-folders: these texts in every trial."""

    min_texts: int | None = Field(None, ge=1)
    """Fewest texts of a subset; 1 if only `max_texts` is given."""
    max_texts: int | None = Field(None, ge=1)
    """Most texts of a subset; all if only `min_texts` is given."""
    max_epochs: float | None = Field(None, gt=0)
    """How often a trial may read a text; empty: without a limit."""

    @property
    def kind(self) -> str:
        """`subset`, `limited` (a subset of limited size), `weights`, `one` or `fixed` (same texts in all trials)."""
        if not isinstance(self.choose, str) or self.choose == "all":
            return "fixed"
        return "limited" if self.limits else self.choose

    @property
    def searched(self) -> bool:
        """Whether trials differ in their texts."""
        return self.kind != "fixed"

    @property
    def limits(self) -> bool:
        """Whether the number of texts is limited."""
        return self.min_texts is not None or self.max_texts is not None

    @model_validator(mode="after")
    def _limits_of_a_subset(self) -> Self:
        if self.limits and self.choose != "subset":
            raise UnfitError(
                "min_texts and max_texts limit a subset; set choose: subset, or leave them out",
                code="limits-without-subset",
            )
        if self.max_epochs is not None and self.choose == "weights":
            raise UnfitError(
                "max_epochs would change the shares that choose: weights compares; leave it out, or set choose: subset",
                code="max-epochs-with-weights",
            )
        _check_ordered("min_texts", self.min_texts, "max_texts", self.max_texts)
        return self


class TuningSpec(Spec):
    """Settings of the training: which weights change, and how."""

    method: NameChoice = "lora"
    """`lora`, `rslora` (scaled by alpha / sqrt(rank)), `dora` (norms are trained separately), `loraplus` (B has 16
    times the learning rate of A), `ia3` (a factor for each output), `bitfit` (biases), `layernorm` (norms), `full`
    (whole layers), `from_scratch` (the whole model, from random weights); a list is searched."""
    rank: IntChoice = 8
    alpha: FloatChoice | None = None
    """The adapter's output is scaled by alpha / rank."""
    alpha_per_rank: FloatChoice | None = None
    """Alpha as a multiple of the rank; 2 if neither `alpha` nor `alpha_per_rank` is given."""
    dropout: ShareChoice = 0.0
    """Probability of dropping an input of the adapter during training."""
    targets: NameChoice = "all-linear"
    """`attention`, `mlp`, `experts`, `all-linear`, or module names joined by `+`; a list is searched."""

    @field_validator("method")
    @classmethod
    def _known(cls, method: str | list[str]) -> str | list[str]:
        for name in options(method):
            METHODS.known(name)
        return method

    @model_validator(mode="after")
    def _one_alpha(self) -> Self:
        if self.alpha is not None and self.alpha_per_rank is not None:
            raise UnfitError("give alpha or alpha_per_rank, not both", code="alpha-twice")
        return self


def _as_text(layers: object) -> object:
    """Turn layer numbers into text, because YAML reads the single layer `3` as a number."""
    if isinstance(layers, list):
        return [str(layer) if type(layer) is int else layer for layer in layers]
    return str(layers) if type(layers) is int else layers


_LayerNames = Annotated[NameChoice, BeforeValidator(_as_text)]


class LayersSpec(Spec):
    """Layers that are trained: named ones, all but named ones, or a contiguous range of limited length."""

    train: _LayerNames | None = None
    """Layers that are trained: `6-10`, `-4 to -1` (from the end), several joined by `+`; a list is searched."""
    freeze: _LayerNames | None = None
    """Layers that stay frozen while the others are trained; same format as `train`."""
    min: int | None = Field(None, ge=1)
    """Fewest layers of a searched range; 1 if only `max` is given."""
    max: int | None = Field(None, ge=1)
    """Most layers of a searched range; all if only `min` is given."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.train is not None, self.freeze is not None, self.min is not None or self.max is not None]
        if sum(ways) != 1:
            raise UnfitError("give one of `train`, `freeze`, or `min` and `max`", code="layers-one-way")
        _check_ordered("min", self.min, "max", self.max)
        return self


def _check_ordered(low_name: str, low: int | None, high_name: str, high: int | None) -> None:
    if low is not None and high is not None and low > high:
        raise UnfitError(
            f"{low_name} must not exceed {high_name}, got {low_name} {low} and {high_name} {high}",
            code="limits-reversed",
        )


LayersChoice = Annotated[
    Annotated[
        Annotated[str, One] | Annotated[list[str], Field(min_length=1), Several] | Annotated[LayersSpec, Ranged],
        Discriminator(form),
    ],
    BeforeValidator(_as_text),
]
"""`all`, a range such as `2-5` (from 0, both ends included), a list of ranges to search, or a `LayersSpec`."""


class StageSpec(Spec):
    """One of several trainings in a row; settings that a stage omits are those of the space."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=32)
    texts: list[str] | None = Field(None, min_length=1)
    """Texts or sub-folders, with equal shares; empty: the trial's mix."""
    share: float | None = Field(None, gt=0, lt=1)
    """Share of the trial's tokens, in (0, 1); stages without a share split the rest evenly."""
    tuning: TuningSpec | None = None
    layers: LayersChoice | None = None
    learning_rate: RateChoice | None = None


class SpaceSpec(Spec):
    """Search space of a study; every field is fixed by a single value and searched by a list or a range."""

    texts: TextsSpec
    tuning: TuningSpec = TuningSpec()
    layers: LayersChoice = "all"
    """Layers that are trained; the others stay frozen."""
    learning_rate: RateChoice = 1e-4
    stages: list[StageSpec] = Field(default=[])
    """Trainings in a row, each on top of the previous ones; empty: a single training."""
    order: Literal["given", "any"] = "given"
    """`any`: the order of the stages is searched."""

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise UnfitError(f"two stages have the same name: {names}", code="stage-names-alike")
        shares = [stage.share for stage in self.stages]
        total, unset = math.fsum(share or 0.0 for share in shares), shares.count(None)
        if shares and (total >= 1 if unset else not math.isclose(total, 1.0, abs_tol=1e-6)):
            raise UnfitError(f"the shares of the stages must sum to 1, got {shares}", code="stage-shares-sum")
        if self.order == "any" and not 1 < len(names) <= MOST_ORDERED:
            raise UnfitError(
                f"order: any requires 2 to {MOST_ORDERED} stages, got {len(names)}", code="stage-order-count"
            )
        return self
