"""The two arms of a study: texts drawn by coin flips, or chosen by the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState
from scipy.linalg import hadamard

from search import records
from spaces.trial import fingerprint

PROPENSITY_OF_A_TEXT = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided about a trial before the sampler sees it."""

    params: dict[str, Any]
    """Parameters that are not the sampler's to choose."""
    attributes: dict[str, Any]
    """Arm, seed and, for a randomised trial, its pair."""


class Planner(Protocol):
    """Decides what the next trial is about."""

    def next(self, started: Sequence[FrozenTrial]) -> Plan | None:
        """The trial after those that were begun; None where there is none."""
        ...


class Arms:
    """Deals trials to the two arms, from the trials that a study has."""

    def __init__(self, text_parameters: Sequence[str], share: float, seed: int) -> None:
        """Say how.

        Args:
            text_parameters: parameters that include a text with 1 and leave it out with 0.
            share: of the randomised trials, kept at every point of the study.
            seed: of the study.
        """
        self._texts = text_parameters
        self._share = share
        self._seed = seed
        self._coins = BalancedCoins(len(text_parameters), seed)

    def next(self, started: Sequence[FrozenTrial]) -> Plan:
        """Plan the trial after those that were started: a complement where a pair lacks one, else a new trial."""
        pairs: dict[int, list[FrozenTrial]] = {}
        for trial in started:
            if trial.user_attrs[records.ARM] == "randomised":
                pairs.setdefault(trial.user_attrs[records.PAIR], []).append(trial)
        halves = (members[0] for members in pairs.values() if len(members) == 1)
        single = next((half for half in halves if half.state is not TrialState.FAIL), None)
        if single is not None:
            return self._complement(single)
        randomised = sum(len(members) for members in pairs.values())
        seed = int(fingerprint([self._seed, len(started)])[:8], 16)
        if not self._texts or not wants_randomised(randomised, len(started) - randomised, self._share):
            return Plan({}, {records.ARM: "guided", records.SEED: seed})
        coins = dict(zip(self._texts, self._coins.draw(len(pairs)), strict=True))
        return Plan(
            coins,
            {
                records.ARM: "randomised",
                records.PAIR: len(pairs),
                records.PROPENSITY: PROPENSITY_OF_A_TEXT,
                records.SEED: seed,
            },
        )

    def _complement(self, half: FrozenTrial) -> Plan:
        """The other texts with the same settings and the same seed."""
        opposite = {name: 1 - half.params[name] for name in self._texts}
        copied = (records.ARM, records.PAIR, records.PROPENSITY, records.SEED)
        return Plan({**half.params, **opposite}, {key: half.user_attrs[key] for key in copied})


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
        return tuple(int(coin) for coin in self.block(block)[row])

    def block(self, block: int) -> NDArray[np.int64]:
        """All rows of a block, shape (rows, texts), of 0 and 1."""
        rng = np.random.default_rng([self._seed, block])
        columns = 1 + rng.permutation(self._rows - 1)[: self._texts]
        signs = hadamard(self._rows)[:, columns] * rng.choice((-1, 1), self._texts)
        flipped: NDArray[np.int64] = (rng.permutation(signs) + 1) // 2
        return flipped
