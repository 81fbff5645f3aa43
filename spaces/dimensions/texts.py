"""Choice of the texts that a trial trains on."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution, IntDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.spec import TextsSpec
from spaces.trial import CorpusMix

PREFIX = "text:"


class TextsDimension:
    """Choice of a subset of the texts: one parameter per text, 1 if the text is in the mix.

    The bits are integers rather than categories because every sampler, CMA-ES and Gaussian processes included,
    searches those natively. All bits 0 is a valid choice: it is the untouched base, whose score belongs to the
    average over subsets that defines a text's effect.
    """

    def __init__(self, spec: TextsSpec, corpus: Corpus) -> None:
        """Check the chosen names against the corpus.

        Raises:
            InputError: `choose` names a text that the corpus does not have, or names a text twice.
        """
        self.searched = corpus.names if spec.searched else ()
        if isinstance(spec.choose, str):
            self._fixed = corpus.names if spec.choose == "all" else ()
        else:
            self._fixed = corpus.chosen(spec.choose, "space.texts.choose")

    def distributions(self) -> Mapping[str, BaseDistribution]:
        return {PREFIX + name: IntDistribution(0, 1) for name in self.searched}

    def alone(self, text: str) -> Params:
        """Return the parameters of the mix that is one text alone."""
        return {PREFIX + name: int(name == text) for name in self.searched}

    def decode(self, params: Params) -> CorpusMix:
        if not self.searched:
            return CorpusMix.equal(self._fixed)
        return CorpusMix.equal(name for name in self.searched if params[PREFIX + name])
