"""One text per trial: the classic rating with one adapter per text."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution, CategoricalDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.dimensions.texts import PREFIX
from spaces.spec import TextsSpec
from spaces.trial import CorpusMix

NAME = PREFIX + "one"


class OneTextDimension:
    """Choice of the one text that a trial trains on."""

    def __init__(self, spec: TextsSpec, corpus: Corpus) -> None:
        self.searched = corpus.names

    def distributions(self) -> Mapping[str, BaseDistribution]:
        return {NAME: CategoricalDistribution(self.searched)} if len(self.searched) > 1 else {}

    def alone(self, text: str) -> Params:
        """Return the parameters of a trial on this text."""
        return {NAME: text}

    def decode(self, params: Params) -> CorpusMix:
        return CorpusMix.equal([params[NAME] if len(self.searched) > 1 else self.searched[0]])
