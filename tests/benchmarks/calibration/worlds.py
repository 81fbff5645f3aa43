"""Worlds whose effects of texts are known exactly: planted ones, and games that were played out exhaustively."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from objectives.base import Rung
from spaces import TrialConfig
from spaces.trial import Split
from studies.analysis.weights import POINTS

BEST_RATE = 1e-3
RUNGS = (300, 600, 900)
_PLAYERS = 10
_DILUTED = 3
_LUCK_AND_QUESTIONS = math.sqrt(0.5)
"""Half of the noise's variance is the trial's luck and stays with it; half is new at every rung."""

Mix = Mapping[str, float]
"""Text to share; the shares sum to 1, or the mix is empty."""


class World(Protocol):
    """Value of every subset of some texts at the best learning rate, and the resulting value of each text."""

    name: str
    family: str
    texts: tuple[str, ...]
    noise: float
    """Standard deviation of a score over seeds and questions."""
    choose: str
    """How trials choose texts, `TextsSpec.kind`."""

    @property
    def effects(self) -> NDArray[np.float64]:
        """Estimands of a study, by text; for subsets, Banzhaf values: mean change of the value when a text joins."""
        ...

    @property
    def interactions(self) -> NDArray[np.float64]:
        """Banzhaf interactions: by how much one text changes the effect of another, shape (texts, texts)."""
        ...

    def value(self, mix: Mix) -> float:
        """Value of a mix, above that of the empty one."""
        ...


@dataclass
class Played:
    """A world whose every subset was played out; values are in standard deviations over the subsets."""

    name: str
    family: str
    texts: tuple[str, ...]
    noise: float
    values: NDArray[np.float64]
    """By subset, shape (2 ** texts,): text i is in where bit i of the index is set."""
    choose: str = "subset"

    @property
    def effects(self) -> NDArray[np.float64]:
        signs = 2.0 * _bits(len(self.texts)) - 1
        return np.asarray(2 * signs.T @ self.values / len(self.values))

    @property
    def interactions(self) -> NDArray[np.float64]:
        signs = 2.0 * _bits(len(self.texts)) - 1
        return np.asarray(4 * (signs * self.values[:, None]).T @ signs / len(self.values))

    def value(self, mix: Mix) -> float:
        index = sum(1 << i for i, text in enumerate(self.texts) if text in mix)
        return float(self.values[index] - self.values[0])


LIMITS = (1, 5)
"""Fewest and most texts of a mix, where their number is limited."""


@dataclass
class Summed:
    """A world of any number of texts whose effects add up, each as much as its share is of an even one.

    Where the number of texts is limited, each as much as its share is of a third: texts dilute one another.
    """

    name: str
    family: str
    texts: tuple[str, ...]
    noise: float
    parts: NDArray[np.float64]
    """Gain that every text adds, by text."""
    choose: str = "subset"

    @property
    def effects(self) -> NDArray[np.float64]:
        if self.choose not in ("weights", "limited"):
            return self.parts
        others = (self.parts.sum() - self.parts) / (len(self.parts) - 1)
        sizes = range(LIMITS[0], LIMITS[1] + 1)
        scale = len(self.parts) / POINTS if self.choose == "weights" else np.mean([_DILUTED / size for size in sizes])
        return np.asarray(scale * (self.parts - others))

    @property
    def interactions(self) -> NDArray[np.float64]:
        return np.zeros((len(self.texts), len(self.texts)))

    def value(self, mix: Mix) -> float:
        parts = dict(zip(self.texts, self.parts.tolist(), strict=True))
        whole = _DILUTED if self.choose == "limited" else len(mix)
        return math.fsum(parts[text] * share * whole for text, share in mix.items())


class WorldObjective:
    """Trials of a world: text effects shrink beside the best learning rate, scores near their end along a curve."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def rungs(self) -> tuple[int, ...]:
        return RUNGS

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        (stage,) = trial.stages
        rng = random.Random(trial.fingerprint)
        sd = self._world.noise * _LUCK_AND_QUESTIONS
        luck = rng.gauss(0, sd)
        gain = strength(stage.learning_rate) * self._world.value(dict(stage.mix.weights)) + luck
        for index, tokens in enumerate(RUNGS):
            score = gain * (1 - (1 - tokens / RUNGS[-1]) ** 2) + rng.gauss(0, sd)
            yield Rung(index, tokens, score, stderr=sd, base=0.0)


def strength(rate: float) -> float:
    """How much of the effects of texts shows at a learning rate: all at the best, a third at a tenth of it."""
    return math.exp(-1.1 * math.log10(rate / BEST_RATE) ** 2)


def _bits(texts: int) -> NDArray[np.int64]:
    return (np.arange(2**texts)[:, None] >> np.arange(texts)) & 1


def games(folder: Path, noise: float) -> list[World]:
    """Games from files of `coalitions`, shape (2^k, k) of 0 and 1, and `values`: what a model scored that was trained
    on each subset of k sources. The value of the empty set, stored as 0, becomes the smallest of a single source.
    """
    return [_game(path, noise) for path in sorted(folder.glob("*.npz"))]


def _game(path: Path, noise: float) -> World:
    with np.load(path) as stored:
        coalitions, values = stored["coalitions"].astype(np.int64), stored["values"].astype(np.float64)
    sizes = coalitions.sum(axis=1)
    values[sizes == 0] = values[sizes == 1].min()
    order = np.argsort(coalitions @ (1 << np.arange(coalitions.shape[1])))
    texts = tuple(f"text-{i}" for i in range(coalitions.shape[1]))
    return Played(path.stem, "games", texts, noise, _standard(values[order]))


def planted(family: str, seed: int) -> Played:
    """A world with planted effects.

    Args:
        family: a row of `PLANTED`.
        seed: of the effects.
    """
    texts = tuple(f"text-{i}" for i in range(_PLAYERS))
    make, noise = PLANTED[family]
    values = make(np.random.default_rng([seed, len(family)]), _bits(_PLAYERS).astype(float))
    return Played(f"{family} {seed}", family, texts, noise, _standard(values))


def summed(choose: str, seed: int) -> World:
    """A world of ten texts of which five help or hurt, for another way to choose them."""
    rng = np.random.default_rng([seed, len(choose)])
    parts = rng.permutation([*rng.choice((-1.0, 1.0), 5) * rng.uniform(0.5, 1.5, 5), *[0.0] * 5])
    names = tuple(f"text-{i}" for i in range(_PLAYERS))
    return Summed(f"{choose} {seed}", f"choose: {choose}", names, 0.3, np.asarray(parts), choose)


def many(texts: int, seed: int) -> World:
    """A world of many texts, every fifth of which helps or hurts."""
    rng = np.random.default_rng([seed, texts])
    effects = np.zeros(texts)
    effects[: texts // 5] = rng.choice((-1, 1), texts // 5) * rng.uniform(0.5, 1.5, texts // 5)
    names = tuple(f"text-{i:02d}" for i in range(texts))
    spread = math.sqrt(float((effects**2).sum()) / 4)
    return Summed(f"{texts} texts {seed}", "many texts", names, 0.3, rng.permutation(effects) / spread)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std()
    return (values - values.mean()) / spread if spread else values


def _additive(rng: np.random.Generator, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Three texts help, two hurt, the others do nothing."""
    effects = np.concatenate([rng.uniform(0.5, 1.5, 3), rng.uniform(-1.5, -0.5, 2), np.zeros(_PLAYERS - 5)])
    return np.asarray(bits @ rng.permutation(effects))


def _synergy(rng: np.random.Generator, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same, with three pairs of texts that are worth more, or less, together."""
    value = _additive(rng, bits)
    for first, second in rng.permutation(_PLAYERS)[:6].reshape(3, 2):
        value = value + rng.choice((-1.0, 1.0)) * rng.uniform(0.5, 1.5) * bits[:, first] * bits[:, second]
    return value


def _diminishing(rng: np.random.Generator, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every text halves, about, what is missing: few texts are far worse than many."""
    return np.asarray(-(0.5 ** (bits @ rng.uniform(0.7, 1.3, _PLAYERS))))


def _null(_rng: np.random.Generator, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.zeros(len(bits))


PLANTED: Mapping[str, tuple[Callable[[np.random.Generator, NDArray[np.float64]], NDArray[np.float64]], float]] = {
    "additive": (_additive, 0.3),
    "synergy": (_synergy, 0.3),
    "null": (_null, 1.0),
    "heavy noise": (_additive, 1.5),
    "little noise": (_diminishing, 0.1),
}
"""Name of a family to what makes the values of all subsets, and the noise of a trial."""
