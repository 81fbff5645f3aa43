"""How the texts of randomized trials are drawn, for every way in which texts are searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from spaces import Space
from spaces.dimensions.limited import COUNT, places_of
from spaces.dimensions.one_text import NAME as ONE
from spaces.dimensions.shares import parameters_of
from spaces.dimensions.texts import PREFIX

Limits = tuple[int, int]
"""Fewest and most texts of a mix."""


class RandomizedDesign(Protocol):
    """Draws blocks of trials that share settings and seed and differ in their texts."""

    propensity: float | None
    """Probability with which a text is in a trial's mix; None where texts are in to a degree."""
    size: int
    """Trials of a block."""
    whole: bool
    """Whether a block says nothing without all of its trials: once one has failed, the others are not run."""

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        """The parameters of the texts, trial by trial; the same whenever asked."""
        ...


class BalancedCoins:
    """Fair coin flips for the texts of each pair of randomized trials, balanced over blocks of pairs.

    A block is a Hadamard matrix whose columns are dealt to the texts, whose signs are flipped and whose
    rows are shuffled at random. Each text is then in with probability one half, any two texts are
    independent, and over a whole block every two texts are exactly uncorrelated: with independent flips
    their chance correlations would make the effects of 8 texts from 16 pairs about twice as uncertain
    (`docs/experiments.md`). A pair is a mix and its complement (a fold-over, Box and Wilson, 1951), which frees the
    effects of single texts from those of pairs of texts.
    """

    def __init__(self, texts: int, seed: int) -> None:
        """Prepare blocks for so many texts; equal seeds give equal coins."""
        self._texts = texts
        self._seed = seed
        self._rows = 1 << max(2, texts.bit_length())  # the power of two above the number of texts

    def draw(self, pair: int) -> tuple[int, ...]:
        """The coins of a pair's first trial, 1 where a text is in; the second trial has the opposite."""
        block, row = divmod(pair, self._rows)
        return tuple(int(coin) for coin in self.block(block)[row])

    def block(self, block: int) -> NDArray[np.int64]:
        """All rows of a block, shape (rows, texts), of 0 and 1."""
        rng = np.random.default_rng([self._seed, block])
        columns = 1 + rng.permutation(self._rows - 1)[: self._texts]
        signs = hadamard(self._rows)[:, columns] * rng.choice((-1, 1), self._texts)
        flipped: NDArray[np.int64] = (rng.permutation(signs) + 1) // 2
        return flipped


class ComplementaryPairs:
    """A subset by coin flips, and the texts that it leaves out."""

    propensity: float | None = 0.5
    size = 2
    whole = True

    def __init__(self, texts: Sequence[str], seed: int, _: Limits | None) -> None:
        self._names = [PREFIX + text for text in texts]
        self._coins = BalancedCoins(len(texts), seed)

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        coins = self._coins.draw(number)
        both = (coins, tuple(1 - coin for coin in coins))
        return [dict(zip(self._names, each, strict=True)) for each in both]


class SingleTextBlocks:
    """Every text by itself, in an order of its own (a randomized complete block design, Fisher, 1935)."""

    whole = False

    def __init__(self, texts: Sequence[str], seed: int, _: Limits | None) -> None:
        self.propensity: float | None = 1 / len(texts)
        self.size = len(texts)
        self._texts = texts
        self._seed = seed

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        order = np.random.default_rng([self._seed, number]).permutation(len(self._texts))
        return [{ONE: self._texts[place]} for place in order.tolist()]


class ReversedShares:
    """Shares that are even over the simplex, and the same turned round: the largest becomes the smallest."""

    propensity: float | None = None
    size = 2
    whole = True

    def __init__(self, texts: Sequence[str], seed: int, _: Limits | None) -> None:
        self._texts = texts
        self._seed = seed

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        shares = np.random.default_rng([self._seed, number]).dirichlet(np.ones(len(self._texts)))
        turned = np.empty_like(shares)
        order = np.argsort(shares)
        turned[order] = shares[order[::-1]]
        return [parameters_of(self._texts, each.tolist()) for each in (shares, turned)]


class DisjointPairs:
    """Two subsets of the same size, drawn at random and with as few texts in common as there can be.

    Sizes are even over what is allowed; the subset of all texts, which leaves nothing to compare, is not drawn.
    """

    size = 2
    whole = True

    def __init__(self, texts: Sequence[str], seed: int, limits: Limits | None) -> None:
        self._texts = texts
        self._seed = seed
        self._limits = limits or (1, len(texts))
        self._most = min(self._limits[1], len(texts) - 1)
        self.propensity: float | None = (self._limits[0] + self._most) / 2 / len(texts)

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        rng = np.random.default_rng([self._seed, number])
        count = int(rng.integers(self._limits[0], self._most + 1))
        order = [self._texts[place] for place in rng.permutation(len(self._texts)).tolist()]
        searched = {COUNT: count} if self._limits[0] < self._limits[1] else {}
        return [
            {**searched, **places_of(self._texts, chosen[:count], rng.random(len(order)).tolist())}
            for chosen in (order, order[::-1])
        ]


DESIGNS: Mapping[str, Callable[[Sequence[str], int, Limits | None], RandomizedDesign]] = {
    "subset": ComplementaryPairs,
    "limited": DisjointPairs,
    "one": SingleTextBlocks,
    "weights": ReversedShares,
}
"""`TextsSpec.kind` to how randomized trials draw their texts."""


def design_of(space: Space, seed: int) -> RandomizedDesign | None:
    """The design of a space's randomized trials; None where all trials train on the same texts."""
    return DESIGNS[space.choose](space.searched, seed, space.limits) if space.searches_texts else None
