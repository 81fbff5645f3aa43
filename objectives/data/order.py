"""The order in which a trial reads its texts: a function of seed, text and position alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from objectives.data.tokens import Tokens
from spaces import CorpusMix


def generator(*parts: object) -> np.random.Generator:
    """Return a random generator that depends only on the parts, the same on every machine."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def with_prefix(tokens: NDArray[np.int64], prefix: Sequence[int]) -> NDArray[np.int64]:
    """Prepend special tokens, which are read but not learned, unless the tokens already begin with them."""
    count = len(prefix)
    first = np.where(tokens[:count] < 0, ~tokens[:count], tokens[:count])
    if not count or np.array_equal(first, prefix):
        return tokens
    return np.concatenate([np.array([~token for token in prefix], dtype=np.int64), tokens])


class MixStream:
    """Training sequences from a mix of texts.

    Each text gets its share of the sequences at every point of the run, to within one sequence if shares are equal,
    and two otherwise. Within a text, the sequences of an epoch are its consecutive windows in random order; a text
    shorter than its share starts another epoch. Epochs differ in the offset of their windows, which is the same in all
    trials, so that the outputs of frozen layers can be cached.

    Every sequence begins with the special tokens of the base, such as BOS; they count as tokens of the sequence.
    """

    def __init__(
        self,
        mix: CorpusMix,
        tokens: Mapping[str, Tokens],
        length: int,
        total: int,
        seed: int,
        prefix: Sequence[int] = (),
    ) -> None:
        """Plan the whole run.

        Args:
            mix: texts and shares.
            tokens: token array of every text in the mix, each longer than `length`.
            length: tokens of a sequence, its special tokens included.
            total: sequences of the run.
            seed: seed of the trial.
            prefix: special tokens before every sequence; they are not learned.
        """
        self._tokens = {name: tokens[name] for name in mix.names}
        self.length = length
        self._prefix = tuple(prefix)
        self._stride = length - len(prefix)
        self._seed = seed
        self._texts = mix.names
        self._plan = _interleave([weight for _, weight in mix.weights], total, generator(seed, "interleave"))
        self._draws = _occurrence(self._plan, len(self._texts))
        self._orders: dict[tuple[str, int], NDArray[np.int64]] = {}

    def batch(self, start: int, size: int) -> NDArray[np.int64]:
        """Sequences `start` to `start + size` of the run, shape (size, length)."""
        return np.stack([self._sequence(position) for position in range(start, start + size)])

    def epochs(self, sequences: int) -> dict[str, float]:
        """Number of epochs of each text after a number of sequences; 1 is one full pass."""
        counts = np.bincount(self._plan[:sequences], minlength=len(self._texts))
        return {
            name: float(count * self._stride / len(self._tokens[name]))
            for name, count in zip(self._texts, counts, strict=True)
        }

    def _sequence(self, position: int) -> NDArray[np.int64]:
        name = self._texts[self._plan[position]]
        windows = self._windows(name)
        epoch, index = divmod(int(self._draws[position]), windows)
        start = self._order(name, epoch, windows)[index]
        window = self._tokens[name][start : start + self.length].astype(np.int64)
        return with_prefix(window, self._prefix)[: self.length]

    def _windows(self, name: str) -> int:
        """Number of windows of an epoch: as many as fit at any offset."""
        return max(1, (len(self._tokens[name]) - self.length) // self._stride)

    def _order(self, name: str, epoch: int, windows: int) -> NDArray[np.int64]:
        """Start tokens of an epoch's windows, in reading order, shape (windows,)."""
        if (name, epoch) not in self._orders:
            last = (
                len(self._tokens[name]) - self.length - (windows - 1) * self._stride
            )  # no window ends beyond the text
            offset = generator(name, epoch).integers(0, min(last, self._stride) + 1)
            order = generator(self._seed, name, epoch).permutation(windows)
            self._orders[name, epoch] = offset + order * self._stride
        return self._orders[name, epoch]


def _interleave(weights: list[float], total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Number of the text of each sequence, shape (total,): always the text furthest behind its share.

    The seed decides ties and the initial order.
    """
    shares = np.asarray(weights)
    credit = rng.uniform(0, 1, len(weights)) * shares
    plan = np.empty(total, dtype=np.int64)
    for position in range(total):
        credit += shares
        chosen = int(np.argmax(credit))
        credit[chosen] -= 1.0
        plan[position] = chosen
    return plan


def _occurrence(plan: NDArray[np.int64], texts: int) -> NDArray[np.int64]:
    """Number of earlier sequences with the same text, for each sequence, shape (total,)."""
    counts = np.zeros(texts, dtype=np.int64)
    draws = np.empty_like(plan)
    for position, text in enumerate(plan):
        draws[position] = counts[text]
        counts[text] += 1
    return draws
