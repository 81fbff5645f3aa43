"""Choice of the texts that a trial trains on, if their number is limited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.dimensions.texts import PREFIX
from spaces.errors import FieldError
from spaces.spec import TextsSpec
from spaces.trial import CorpusMix

COUNT = PREFIX + "count"
PLACE = PREFIX + "place:"


class LimitedDimension:
    """Choice of a subset of `min_texts` to `max_texts` texts: their number, and a key ("place") for every text.

    The texts with the lowest keys are in the mix (random keys, Bean, 1994): every draw is a subset of a valid size,
    nearby keys give nearby subsets, and every key has an effect.
    """

    def __init__(self, spec: TextsSpec, corpus: Corpus) -> None:
        """Check the limits against the number of texts.

        Raises:
            InputError: there are fewer texts than a limit.
        """
        self.searched = corpus.names
        self.least, self.most = spec.min_texts or 1, spec.max_texts or len(corpus.names)
        if max(self.least, self.most) > len(self.searched):
            field, given = max(("min_texts", self.least), ("max_texts", self.most), key=lambda limit: limit[1])
            raise FieldError(
                f"space.texts.{field}",
                f"must not exceed {len(self.searched)}, the number of texts; got {given}.",
                code="more-than-texts",
            )

    def distributions(self) -> Mapping[str, BaseDistribution]:
        if self.least == len(self.searched):
            return {}
        count = {COUNT: IntDistribution(self.least, self.most)} if self.least < self.most else {}
        return {**count, **{PLACE + name: FloatDistribution(0.0, 1.0) for name in self.searched}}

    def alone(self, text: str) -> Params:
        """Return the parameters of the mix that is one text alone; `min_texts` must be 1."""
        count = {COUNT: self.least} if self.least < self.most else {}
        places = [place / len(self.searched) for place in range(len(self.searched))]
        return {**count, **places_of(self.searched, [text], places)}

    def decode(self, params: Params) -> CorpusMix:
        if self.least == len(self.searched):
            return CorpusMix.equal(self.searched)
        count = int(params.get(COUNT, self.most))
        chosen = sorted(self.searched, key=lambda name: params[PLACE + name])[:count]
        return CorpusMix.equal(name for name in self.searched if name in chosen)


def places_of(names: Sequence[str], chosen: Sequence[str], drawn: Sequence[float]) -> dict[str, float]:
    """Return keys that rank the chosen texts first; `drawn` has one number in [0, 1] per name, in any order."""
    others = [name for name in names if name not in chosen]
    return {PLACE + name: place for name, place in zip([*chosen, *others], sorted(drawn), strict=True)}
