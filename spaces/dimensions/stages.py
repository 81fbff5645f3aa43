"""One training or several in a row: what each does, and their order."""

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
    """A stage as far as it does not depend on a trial."""

    name: str
    mix: CorpusMix | None
    """Empty: the trial's."""
    share: float
    """Of the trial's tokens."""
    tuning: TuningDimension
    layers: LayersDimension
    rate: LearningRateDimension

    @property
    def dimensions(self) -> tuple[TuningDimension, LayersDimension, LearningRateDimension]:
        return (self.tuning, self.layers, self.rate)


class StagesDimension:
    """The stages of a trial; those that say nothing of a thing share the space's choice of it."""

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
        found = {name: searched for part in parts for name, searched in part.distributions().items()}
        return {**found, _ORDER: CategoricalDistribution(self._orders)} if self._orders else found

    def idle(self, params: Params) -> frozenset[str]:
        """Parameters that nothing in this trial makes use of."""
        used: set[str] = set()
        idle: set[str] = set()
        for plan in self.plans:
            unused = plan.tuning.idle(params) | plan.layers.idle(params)
            idle |= unused
            used |= {name for part in plan.dimensions for name in part.distributions()} - unused
        return frozenset(idle - used)

    def decode(self, params: Params) -> tuple[StagePlan, ...]:
        """The stages in their order."""
        if not self._orders:
            return self.plans
        by_name = {plan.name: plan for plan in self.plans}
        return tuple(by_name[name] for name in str(params[_ORDER]).split(_THEN))


def _plans(spec: SpaceSpec, corpus: Corpus, layout: Layout) -> Iterator[StagePlan]:
    stages = spec.stages or [_ONLY]
    for index, (stage, share) in enumerate(zip(stages, _shares(stages), strict=True)):
        yield _plan(stage, share, f"space.stages.{index}", spec, corpus, layout)


def _plan(stage: StageSpec, share: float, field: str, spec: SpaceSpec, corpus: Corpus, layout: Layout) -> StagePlan:
    """A stage: what it says has parameters of its own, what it does not say those of the space."""
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
    """See that every choice of layers has something that every choice of a method and its targets trains.

    Raises:
        FieldError: a trial with one of these choices would have nothing to train.
    """
    for method, choice, targets in tuning.kinds():
        what = f"module of the targets {choice!r}" if choice else f"weights that {method} trains"
        layers.require(layout.layers_with(method, targets), what)


def _check_scratch(spec: SpaceSpec, plans: Sequence[StagePlan], layers: int) -> None:
    """See that random weights are where a model begins, and that all of it is trained then.

    Raises:
        FieldError: a later stage would throw away what those before it have learned, or some layers would stay random.
    """
    field = "space.stages" if spec.stages else "space.tuning.method"
    if any(plan.tuning.from_scratch for plan in plans[1:]) or (plans[0].tuning.from_scratch and spec.order == "any"):
        raise FieldError(
            field,
            "from_scratch begins with random weights, so only the first stage can, and with order: given. Give later "
            "stages a `tuning` of their own.",
            code="from-scratch-later",
        )
    if plans[0].tuning.from_scratch and (plans[0].layers.distributions() or plans[0].layers.decode({})):
        raise FieldError(
            field, f"from_scratch trains all of the {layers} layers. Set `layers: all`.", code="from-scratch-layers"
        )


def _shares(stages: Sequence[StageSpec]) -> list[float]:
    """Share of the tokens for each stage; those that do not say share the rest evenly."""
    unsaid = sum(stage.share is None for stage in stages)
    rest = 1.0 - sum(stage.share or 0.0 for stage in stages)
    return [rest / unsaid if stage.share is None else stage.share for stage in stages]
