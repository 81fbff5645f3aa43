"""Search space: the distributions of a `space:` section, and the decoding of drawn parameters into a trial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.dimensions.limited import LimitedDimension
from spaces.dimensions.one_text import OneTextDimension
from spaces.dimensions.shares import SharesDimension
from spaces.dimensions.stages import StagePlan, StagesDimension
from spaces.dimensions.texts import TextsDimension
from spaces.errors import FieldError
from spaces.layout import Layout
from spaces.spec import SpaceSpec
from spaces.trial import CorpusMix, Stage, TrialConfig

_Texts = TextsDimension | OneTextDimension | SharesDimension | LimitedDimension

_TEXTS: Mapping[str, type[_Texts]] = {
    "subset": TextsDimension,
    "limited": LimitedDimension,
    "one": OneTextDimension,
    "weights": SharesDimension,
}
"""`TextsSpec.kind` to its dimension; other kinds have fixed texts."""


class Space:
    """Search space of a study, for one corpus and one base."""

    def __init__(self, spec: SpaceSpec, corpus: Corpus, layout: Layout, budget: int) -> None:
        """Check the section against the texts and the model.

        Args:
            spec: the `space:` section.
            corpus: the texts.
            layout: the base's layers and modules.
            budget: training tokens of every trial.

        Raises:
            InputError: the section names something that does not exist.
        """
        self._base = layout.base
        self._layout = layout
        self._budget = budget
        self._epochs = spec.texts.max_epochs
        self.choose = spec.texts.kind
        self._texts: _Texts = _TEXTS.get(self.choose, TextsDimension)(spec.texts, corpus)
        self._stages = StagesDimension(spec, corpus, layout)
        if self.searches_texts and all(plan.mix is not None for plan in self._stages.plans):
            raise FieldError(
                "space.texts.choose",
                "every stage names its texts, so there is no mix to search. Leave `texts` out of one stage, or set "
                "choose: all.",
                code="nothing-to-mix",
            )

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Distributions that a sampler draws a trial from, by parameter name."""
        return {**self._texts.distributions(), **self._stages.distributions()}

    @property
    def settings(self) -> frozenset[str]:
        """Names of the searched parameters that are not about texts."""
        return frozenset(self._stages.distributions())

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the texts that trials choose from."""
        return self._texts.searched

    def alone(self, text: str) -> dict[str, Any]:
        """Return the parameters of the mix that is one text alone; the space must allow it."""
        return dict(self._texts.alone(text))

    @property
    def limits(self) -> tuple[int, int] | None:
        """Fewest and most texts of a mix, or None if their number is not limited."""
        return (self._texts.least, self._texts.most) if isinstance(self._texts, LimitedDimension) else None

    @property
    def searches_texts(self) -> bool:
        """Whether trials may differ in their texts."""
        return bool(self._texts.distributions())

    @property
    def methods(self) -> frozenset[str]:
        """Tuning methods that a trial may use."""
        return frozenset(method for plan in self._stages.plans for method in plan.tuning.methods)

    @property
    def parameter_targets(self) -> tuple[str, ...]:
        """Targets that a trial may adapt as parameters of a module, such as the matrices of experts."""
        chosen = {path for plan in self._stages.plans for _, _, paths in plan.tuning.kinds() for path in paths}
        return tuple(m.path for m in self._layout.modules if (m.experts or m.as_parameter) and m.path in chosen)

    @property
    def stages(self) -> int:
        """Number of stages of a trial."""
        return len(self._stages.plans)

    @property
    def budgets(self) -> dict[str, int]:
        """Training tokens of each stage, by name of the stage."""
        plans = self._stages.plans
        budgets = _budgets(self._budget, [plan.share for plan in plans])
        return {plan.name: tokens for plan, tokens in zip(plans, budgets, strict=True)}

    @property
    def largest(self) -> int:
        """Largest number of weights that a trial may train, summed over its stages."""
        return sum(
            max(
                self._layout.trained_weights(tuning, layers)
                for tuning in plan.tuning.largest()
                for layers in plan.layers.widest()
            )
            for plan in self._stages.plans
        )

    def idle(self, params: Params) -> frozenset[str]:
        """Return the parameters without an effect on this trial, such as a rank if the method has none.

        Samplers are given the drawn values of these parameters: they learn faster from them that the parameters have no
        effect than from constant values (`docs/experiments.md`).
        """
        return self._stages.idle(params)

    def decode(self, params: Params, seed: int) -> TrialConfig:
        """Return the trial that these parameters describe."""
        mix = self._texts.decode(params)
        stages = tuple(self._filled(self._stages.decode(params), mix, params))
        return TrialConfig(self._base, seed, stages, max_epochs=self._epochs)

    def _filled(self, plans: Sequence[StagePlan], mix: CorpusMix, params: Params) -> Iterator[Stage]:
        for plan, budget in zip(plans, _budgets(self._budget, [plan.share for plan in plans]), strict=True):
            yield Stage(
                name=plan.name,
                mix=plan.mix if plan.mix is not None else mix,
                tuning=plan.tuning.decode(params),
                frozen=plan.layers.decode(params),
                budget=budget,
                learning_rate=plan.rate.decode(params),
                own_mix=plan.mix is not None,
            )


def _budgets(total: int, shares: Sequence[float]) -> list[int]:
    """Return the whole number of tokens for each stage; they sum to the total."""
    ends = [round(total * math.fsum(shares[: place + 1])) for place in range(len(shares))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
