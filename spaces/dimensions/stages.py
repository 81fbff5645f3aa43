"""Stages of a trial: one or several trainings in a row, their settings and their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from optuna.distributions import BaseDistribution, CategoricalDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.dimensions.layers import LayersDimension
from spaces.dimensions.optimization import LearningRateDimension
from spaces.dimensions.tuning import TuningDimension
from spaces.errors import FieldError
from spaces.layout import Layout
from spaces.spec import SpaceSpec, StageSpec
from spaces.trial import CorpusMix

_ORDER = "order"
_THEN = " > "
_ONLY = StageSpec(name="train")


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The part of a stage that does not depend on a trial."""

    name: str
    mix: CorpusMix | None
    """Texts of the stage; None for the trial's mix."""
    share: float
    """Share of the trial's tokens, in (0, 1]."""
    tuning: TuningDimension
    layers: LayersDimension
    rate: LearningRateDimension

    @property
    def dimensions(self) -> tuple[TuningDimension, LayersDimension, LearningRateDimension]:
        return (self.tuning, self.layers, self.rate)


class StagesDimension:
    """Choice of the stages of a trial; a setting that a stage omits is shared with the space."""

    def __init__(self, spec: SpaceSpec, corpus: Corpus, layout: Layout) -> None:
        """Check every stage against the texts and the model.

        Raises:
            InputError: a stage names something that does not exist.
        """
        self.plans = tuple(_plans(spec, corpus, layout))
        _check_scratch(spec, self.plans, layout.layers)
        names = [plan.name for plan in self.plans]
        self._orders = [_THEN.join(order) for order in permutations(names)] if spec.order == "any" else []

    def distributions(self) -> Mapping[str, BaseDistribution]:
        parts = (part for plan in self.plans for part in plan.dimensions)
        by_name = {name: distribution for part in parts for name, distribution in part.distributions().items()}
        return {**by_name, _ORDER: CategoricalDistribution(self._orders)} if self._orders else by_name

    def idle(self, params: Params) -> frozenset[str]:
        """Return the parameters that no stage of this trial uses."""
        used: set[str] = set()
        idle: set[str] = set()
        for plan in self.plans:
            unused = plan.tuning.idle(params) | plan.layers.idle(params)
            idle |= unused
            used |= {name for part in plan.dimensions for name in part.distributions()} - unused
        return frozenset(idle - used)

    def decode(self, params: Params) -> tuple[StagePlan, ...]:
        """Return the stages in the trial's order."""
        if not self._orders:
            return self.plans
        by_name = {plan.name: plan for plan in self.plans}
        return tuple(by_name[name] for name in str(params[_ORDER]).split(_THEN))


def _plans(spec: SpaceSpec, corpus: Corpus, layout: Layout) -> Iterator[StagePlan]:
    stages = spec.stages or [_ONLY]
    for index, (stage, share) in enumerate(zip(stages, _shares(stages), strict=True)):
        yield _plan(stage, share, f"space.stages.{index}", spec, corpus, layout)


def _plan(stage: StageSpec, share: float, field: str, spec: SpaceSpec, corpus: Corpus, layout: Layout) -> StagePlan:
    """Build a stage: settings of its own get their own parameters, omitted settings use those of the space."""
    mix, name = None, stage.name
    if stage.texts is not None:
        mix = CorpusMix.equal(corpus.chosen(stage.texts, f"{field}.texts"))
    tuning = TuningDimension(spec.tuning, layout)
    if stage.tuning is not None:
        tuning = TuningDimension(stage.tuning, layout, f"{name}.tuning", f"{field}.tuning")
    layers = LayersDimension(spec.layers, layout)
    if stage.layers is not None:
        layers = LayersDimension(stage.layers, layout, f"{name}.layers", f"{field}.layers")
    rate = LearningRateDimension(spec.learning_rate)
    if stage.learning_rate is not None:
        rate = LearningRateDimension(stage.learning_rate, f"{name}.learning_rate")
    _check_places(tuning, layers, layout)
    return StagePlan(name, mix, share, tuning, layers, rate)


def _check_places(tuning: TuningDimension, layers: LayersDimension, layout: Layout) -> None:
    """Check that every choice of layers has something to train for every choice of method and targets.

    Raises:
        FieldError: a trial with one of these choices would have nothing to train.
    """
    for method, choice, targets in tuning.kinds():
        what = f"module of the targets {choice!r}" if choice else f"weights that {method} trains"
        layers.require(layout.layers_with(method, targets), what)


def _check_scratch(spec: SpaceSpec, plans: Sequence[StagePlan], layers: int) -> None:
    """Check that only the first stage starts from random weights, and that it trains all layers.

    Raises:
        FieldError: a later stage would discard what earlier stages learned, or some layers would stay random.
    """
    field = "space.stages" if spec.stages else "space.tuning.method"
    if any(plan.tuning.from_scratch for plan in plans[1:]) or (plans[0].tuning.from_scratch and spec.order == "any"):
        raise FieldError(
            field,
            "from_scratch starts from random weights, so only the first stage can use it, and only with order: given. "
            "Give later stages a `tuning` of their own.",
            code="from-scratch-later",
        )
    if plans[0].tuning.from_scratch and (plans[0].layers.distributions() or plans[0].layers.decode({})):
        raise FieldError(
            field, f"from_scratch trains all of the {layers} layers. Set `layers: all`.", code="from-scratch-layers"
        )


def _shares(stages: Sequence[StageSpec]) -> list[float]:
    """Return the share of the tokens for each stage; stages without a share split the rest evenly."""
    unset = sum(stage.share is None for stage in stages)
    rest = 1.0 - sum(stage.share or 0.0 for stage in stages)
    return [rest / unset if stage.share is None else stage.share for stage in stages]
