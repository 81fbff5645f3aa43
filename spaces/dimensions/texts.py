"""Which texts a trial trains on."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution, IntDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.spec import TextsSpec
from spaces.trial import CorpusMix

PREFIX = "text:"


class TextsDimension:
    """A subset of the texts: one parameter a text, 1 where the text is in the mix.

    The bits are whole numbers rather than categories because every sampler, CMA-ES and Gaussian processes
    included, searches those natively. All bits 0 is a lawful choice: it is the untouched base, whose score
    belongs to the average over subsets that defines a text's effect.
    """

    def __init__(self, spec: TextsSpec, corpus: Corpus) -> None:
        """Check the chosen names.

        Raises:
            InputError: `choose` names a text that the corpus has not, or fixes no text.
        """
        self.searched = corpus.names if spec.searched else ()
        if isinstance(spec.choose, str):
            self._fixed = corpus.names if spec.choose == "all" else ()
        else:
            self._fixed = corpus.chosen(spec.choose, "space.texts.choose")

    def distributions(self) -> Mapping[str, BaseDistribution]:
        return {PREFIX + name: IntDistribution(0, 1) for name in self.searched}

    def decode(self, params: Params) -> CorpusMix:
        if not self.searched:
            return CorpusMix.equal(self._fixed)
        return CorpusMix.equal(name for name in self.searched if params[PREFIX + name])
