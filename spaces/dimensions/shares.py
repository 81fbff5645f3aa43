"""Choice of the share of each text in a trial's training tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution, FloatDistribution

from spaces.corpus import Corpus
from spaces.dimensions import Params
from spaces.dimensions.texts import PREFIX
from spaces.spec import TextsSpec
from spaces.trial import CorpusMix

SHARE = PREFIX + "share:"
_LEAST = 1e-6
"""Smallest share; anything below it, less than one sequence in a million, counts as 0."""


class SharesDimension:
    """Choice of the shares of all texts, which sum to 1, as one number in [0, 1] for every text but the last.

    Each number breaks a piece off the remaining stick (Ishwaran and James, 2001), transformed so that uniform numbers
    give shares that are uniform over the simplex: with r texts left, number^(1/r) of the stick remains for them. So
    every parameter has an effect, and a uniform sampler draws all mixes with equal probability. Numbers near 0, where
    floats are finer than near 1, give the large pieces.
    """

    def __init__(self, spec: TextsSpec, corpus: Corpus) -> None:
        self.searched = corpus.names

    def distributions(self) -> Mapping[str, BaseDistribution]:
        return {SHARE + name: FloatDistribution(0.0, 1.0) for name in self.searched[:-1]}

    def alone(self, text: str) -> Params:
        """Return the parameters that give one text the whole."""
        return parameters_of(self.searched, [float(name == text) for name in self.searched])

    def decode(self, params: Params) -> CorpusMix:
        left, shares = 1.0, []
        for texts_left, name in zip(range(len(self.searched) - 1, 0, -1), self.searched, strict=False):
            remaining = params[SHARE + name] ** (1 / texts_left)
            shares.append(left * (1 - remaining))
            left *= remaining
        named = zip(self.searched, [*shares, left], strict=True)
        weights = [(name, share) for name, share in named if share > _LEAST]
        total = sum(share for _, share in weights)
        return CorpusMix(tuple((name, share / total) for name, share in weights))


def parameters_of(names: Sequence[str], shares: Sequence[float]) -> dict[str, float]:
    """Return the parameters that decode to these shares, which sum to 1."""
    left, params = 1.0, {}
    for texts_left, name, share in zip(range(len(names) - 1, 0, -1), names, shares, strict=False):
        remaining = min(1.0, max(0.0, 1 - share / left)) if left > 0 else 0.0
        params[SHARE + name] = remaining**texts_left
        left *= remaining
    return params
