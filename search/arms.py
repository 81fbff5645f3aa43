"""The two arms of a study: texts drawn by coin flips, or chosen by the sampler."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

PROPENSITY_OF_A_TEXT = 0.5


def wants_randomised(randomised: int, guided: int, share: float) -> bool:
    """Whether the next trial belongs to the randomised arm, so that its share is kept at every point of the study."""
    return share > 0 and randomised < share * (randomised + guided + 1)


class BalancedCoins:
    """Fair coin flips for the texts of each pair of randomised trials, balanced over blocks of pairs.

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
        return tuple(int(coin) for coin in self._block(block)[row])

    def _block(self, block: int) -> NDArray[np.int64]:
        """All rows of a block, shape (rows, texts), of 0 and 1."""
        rng = np.random.default_rng([self._seed, block])
        columns = 1 + rng.permutation(self._rows - 1)[: self._texts]
        signs = hadamard(self._rows)[:, columns] * rng.choice((-1, 1), self._texts)
        flipped: NDArray[np.int64] = (rng.permutation(signs) + 1) // 2
        return flipped
