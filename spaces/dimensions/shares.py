"""How much of each text a trial trains on."""

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
"""A smaller share is no share: not one sequence in a million."""


class SharesDimension:
    """Shares of all texts, which sum to 1, as one number in [0, 1] for every text but the last.

    Each number breaks a piece off what is left (Ishwaran and James, 2001), bent so that numbers that are even over
    [0, 1] give shares that are even over the simplex: with r texts to come, number^(1/r) is kept for them. So no
    parameter is without an effect, and a sampler that knows nothing draws all mixes alike. Numbers near zero, which
    are finer than those near one, take the large pieces.
    """

    def __init__(self, spec: TextsSpec, corpus: Corpus) -> None:
        self.searched = corpus.names

    def distributions(self) -> Mapping[str, BaseDistribution]:
        return {SHARE + name: FloatDistribution(0.0, 1.0) for name in self.searched[:-1]}

    def decode(self, params: Params) -> CorpusMix:
        left, shares = 1.0, []
        for to_come, name in zip(range(len(self.searched) - 1, 0, -1), self.searched, strict=False):
            kept = params[SHARE + name] ** (1 / to_come)
            shares.append(left * (1 - kept))
            left *= kept
        named = zip(self.searched, [*shares, left], strict=True)
        weights = [(name, share) for name, share in named if share > _LEAST]
        total = sum(share for _, share in weights)
        return CorpusMix(tuple((name, share / total) for name, share in weights))


def parameters_of(names: Sequence[str], shares: Sequence[float]) -> dict[str, float]:
    """The inverse of decoding: numbers that give these shares, which sum to 1."""
    left, found = 1.0, {}
    for to_come, name, share in zip(range(len(names) - 1, 0, -1), names, shares, strict=False):
        kept = min(1.0, max(0.0, 1 - share / left)) if left > 0 else 0.0
        found[SHARE + name] = kept**to_come
        left *= kept
    return found
