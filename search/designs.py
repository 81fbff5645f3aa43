"""Randomized designs: how the texts of randomized trials are drawn, for each way in which texts are searched."""

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
    """Probability that a text is in a trial's mix; None if texts have shares instead."""
    size: int
    """Number of trials in a block."""
    whole: bool
    """Whether a block is useless without all of its trials: once one has failed, the others are not run."""

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        """Return the parameters of the texts for each trial of a block; deterministic."""
        ...


class BalancedAssignments:
    """Random assignments of texts to the pairs of randomized trials, balanced over blocks of pairs.

    A block is a Hadamard matrix with randomly assigned columns, flipped signs and shuffled rows. Each text is then
    included with probability 1/2, any two texts are independent, and over a whole block any two texts are exactly
    uncorrelated: with independent draws, chance correlations would make the effects of 8 texts from 16 pairs about
    twice as uncertain (`docs/experiments.md`). A pair is a mix and its complement (a fold-over, Box and Wilson, 1951),
    which separates the effects of single texts from interactions of two texts.
    """

    def __init__(self, texts: int, seed: int) -> None:
        """Prepare blocks for a number of texts; equal seeds give equal assignments."""
        self._texts = texts
        self._seed = seed
        self._rows = 1 << max(2, texts.bit_length())  # the power of two above the number of texts

    def draw(self, pair: int) -> tuple[int, ...]:
        """Return the assignment of a pair's first trial, 1 for an included text; the second trial has the opposite."""
        block, row = divmod(pair, self._rows)
        return tuple(int(bit) for bit in self.block(block)[row])

    def block(self, block: int) -> NDArray[np.int64]:
        """Return all rows of a block as 0 and 1, shape (rows, texts)."""
        rng = np.random.default_rng([self._seed, block])
        columns = 1 + rng.permutation(self._rows - 1)[: self._texts]
        signs = hadamard(self._rows)[:, columns] * rng.choice((-1, 1), self._texts)
        flipped: NDArray[np.int64] = (rng.permutation(signs) + 1) // 2
        return flipped


class ComplementaryPairs:
    """Pairs of a random subset and its complement."""

    propensity: float | None = 0.5
    size = 2
    whole = True

    def __init__(self, texts: Sequence[str], seed: int, _: Limits | None) -> None:
        self._names = [PREFIX + text for text in texts]
        self._assignments = BalancedAssignments(len(texts), seed)

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        subset = self._assignments.draw(number)
        complement = tuple(1 - bit for bit in subset)
        return [dict(zip(self._names, bits, strict=True)) for bits in (subset, complement)]


class SingleTextBlocks:
    """Blocks with one trial per text, in random order (a randomized complete block design, Fisher, 1935)."""

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
    """Pairs of shares drawn uniformly from the simplex, and the same shares with their ranks reversed."""

    propensity: float | None = None
    size = 2
    whole = True

    def __init__(self, texts: Sequence[str], seed: int, _: Limits | None) -> None:
        self._texts = texts
        self._seed = seed

    def block(self, number: int) -> Sequence[Mapping[str, Any]]:
        shares = np.random.default_rng([self._seed, number]).dirichlet(np.ones(len(self._texts)))
        swapped = np.empty_like(shares)
        order = np.argsort(shares)
        swapped[order] = shares[order[::-1]]
        return [parameters_of(self._texts, row.tolist()) for row in (shares, swapped)]


class DisjointPairs:
    """Pairs of random subsets of the same size, with as few texts in common as possible.

    Sizes are uniform over the allowed range; the subset of all texts, which leaves nothing to compare, is not drawn.
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
"""`TextsSpec.kind` to the design of the randomized trials."""


def design_of(space: Space, seed: int) -> RandomizedDesign | None:
    """Return the design of a space's randomized trials, or None if all trials train on the same texts."""
    return DESIGNS[space.choose](space.searched, seed, space.limits) if space.searches_texts else None
