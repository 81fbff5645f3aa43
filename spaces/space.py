"""A space: from the `space:` section to what a sampler draws, and back to a trial."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.dimensions.layers import LayersDimension
from spaces.dimensions.lora import LoraDimension
from spaces.dimensions.one_text import OneTextDimension
from spaces.dimensions.optimisation import LearningRateDimension
from spaces.dimensions.shares import SharesDimension
from spaces.dimensions.texts import TextsDimension
from spaces.layout import Layout
from spaces.spec import SpaceSpec
from spaces.trial import Stage, TrialConfig

_TEXTS: Mapping[str, type[TextsDimension | OneTextDimension | SharesDimension]] = {
    "subset": TextsDimension,
    "one": OneTextDimension,
    "weights": SharesDimension,
}
"""`space.texts.choose` to what decodes it; anything else is fixed."""


class Space:
    """Everything that a study may choose among, for one corpus and one base."""

    def __init__(self, spec: SpaceSpec, corpus: Corpus, layout: Layout, budget: int) -> None:
        """Check the section against the texts and the model.

        Args:
            spec: the section.
            corpus: the texts.
            layout: the base's layers and modules.
            budget: training tokens of every trial.

        Raises:
            InputError: the section names something that does not exist.
        """
        self._base = layout.base
        self._budget = budget
        self.choose = spec.texts.kind
        self._texts = _TEXTS.get(self.choose, TextsDimension)(spec.texts, corpus)
        self._lora = LoraDimension(spec.lora, layout)
        self._layers = LayersDimension(spec.layers, layout)
        self._rate = LearningRateDimension(spec.learning_rate)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What a sampler draws for a trial, by parameter name."""
        dimensions = (self._texts, self._lora, self._layers, self._rate)
        return {name: found for part in dimensions for name, found in part.distributions().items()}

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the texts among which trials choose."""
        return self._texts.searched

    @property
    def searches_texts(self) -> bool:
        """Whether trials may differ in their texts."""
        return bool(self._texts.distributions())

    def decode(self, params: Params, seed: int) -> TrialConfig:
        """The trial that these parameters stand for."""
        stage = Stage(
            name="train",
            mix=self._texts.decode(params),
            tuning=self._lora.decode(params),
            frozen=self._layers.decode(params),
            budget=self._budget,
            learning_rate=self._rate.decode(params),
        )
        return TrialConfig(self._base, seed, (stage,))
