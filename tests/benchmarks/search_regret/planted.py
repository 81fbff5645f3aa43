"""Spaces whose best trial is known, each drawn from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from objectives.base import Objective, Rung
from objectives.spec import SyntheticSpec
from objectives.synthetic import SyntheticObjective
from spaces import Corpus, Layout, Module, Space, SpaceSpec, Text, TrialConfig
from spaces.trial import Split
from tests.benchmarks.calibration.worlds import BEST_RATE, WorldObjective, strength
from tests.benchmarks.calibration.worlds import planted as planted_world

_NOWHERE = Path("nowhere")
_RATES = {"low": 1e-4, "high": 1e-2}
_NOISE = 0.02
_BASE = 0.25
_TUNING = {"rank": [4, 8, 16, 32], "targets": ["attention", "mlp", "all-linear"]}
_SETTINGS = {
    "tuning": {
        "rank": {"low": 4, "high": 64, "log": True},
        "alpha_per_rank": [1, 2, 4],
        "dropout": {"low": 0.0, "high": 0.3},
        "targets": ["attention", "mlp", "all-linear"],
    },
    "layers": ["all", "0-2", "0-1"],
    "learning_rate": {"low": 1e-4, "high": 1e-1},
}
_MODULES = (Module("self_attn.q_proj", 8, 8), Module("self_attn.v_proj", 8, 8), Module("mlp.up_proj", 8, 16))
_LAYOUT = Layout("planted", 4, _MODULES, context=64)
_RUNGS = (300, 600, 900)

Truth = Callable[[TrialConfig], float]
"""The final score of a trial without noise."""


@dataclass(frozen=True)
class Problem:
    """A space with its objective and the truth about it."""

    space: Space
    objective: Objective
    truth: Truth
    best: float
    """The highest truth of the space."""
    base: float
    """Score of the untouched base."""
    effects: Mapping[str, float] = field(default_factory=dict)
    """Value of each text by itself, if the texts are searched one by one."""


@dataclass(frozen=True)
class FormulaObjective:
    """A true score plus noise of the trial, reached along the curve of the synthetic objective."""

    truth: Truth
    rungs: tuple[int, ...] = _RUNGS

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        gain = self.truth(trial) - _BASE + random.Random(trial.fingerprint).gauss(0, _NOISE)
        for index, tokens in enumerate(self.rungs):
            score = _BASE + gain * (1 - (1 - tokens / self.rungs[-1]) ** 2)
            yield Rung(index, tokens, score, stderr=_NOISE, base=_BASE)


def subsets(texts: int, seed: int) -> Problem:
    """Which of so many texts: half of them help or hurt, a quarter as many pairs do more or less together.

    The learning rate matters, too; the rank and the targets do nothing.
    """
    rng = np.random.default_rng([seed, texts])
    names = [f"text-{i:02d}" for i in range(texts)]
    effects = np.zeros(texts)
    effects[: texts // 2] = rng.choice((1.0, -0.7), texts // 2) * rng.uniform(0.05, 0.15, texts // 2)
    effects = rng.permutation(effects)
    pairs = [rng.choice(texts, 2, replace=False) for _ in range(texts // 4)]
    together = rng.choice((1.0, -1.0), len(pairs)) * rng.uniform(0.05, 0.1, len(pairs))
    fields = {
        "kind": "synthetic",
        "effects": dict(zip(names, effects.tolist(), strict=True)),
        "interactions": _summed(names, pairs, together),
        "base_score": _BASE,
        "noise": _NOISE,
        "best_rate": 1e-3 * 10 ** rng.uniform(-0.5, 0.5),
        "rate_penalty": 0.1,
    }
    bits = (np.arange(2**texts)[:, None] >> np.arange(texts)) & 1
    values = bits @ effects + sum(
        effect * bits[:, one] * bits[:, other] for (one, other), effect in zip(pairs, together, strict=True)
    )
    corpus = _corpus(names)
    objective = SyntheticObjective(SyntheticSpec.model_validate(fields), corpus, _NOWHERE)
    space = _space(corpus, texts={"choose": "subset"}, tuning=_TUNING, learning_rate=_RATES)
    alone = dict(zip(names, effects.tolist(), strict=True))
    return Problem(space, objective, objective.truth, _BASE + float(values.max()), _BASE, alone)


def _summed(
    names: Sequence[str], pairs: Sequence[NDArray[np.int64]], together: NDArray[np.float64]
) -> dict[str, float]:
    """Effects by pair; a pair that was drawn twice has both."""
    found: dict[str, float] = {}
    for (one, other), effect in zip(pairs, together.tolist(), strict=True):
        key = f"{names[min(one, other)]} * {names[max(one, other)]}"
        found[key] = found.get(key, 0.0) + effect
    return found


def shares(texts: int, seed: int) -> Problem:
    """Shares of texts: 0.4 times the sum of sqrt(share * best share), which is 0.4 where every share is the best.

    Every text that is worth anything thus returns less and less; a third of them, rounded down, is worth nothing.
    """
    rng = np.random.default_rng([seed, texts, 1])
    names = [f"text-{i:02d}" for i in range(texts)]
    useful = texts - texts // 3
    best = dict(zip(rng.permutation(names).tolist(), rng.dirichlet(np.ones(useful)).tolist(), strict=False))
    best_rate = 1e-3 * 10 ** rng.uniform(-0.5, 0.5)

    def truth(trial: TrialConfig) -> float:
        met = math.fsum(math.sqrt(share * best.get(text, 0.0)) for text, share in trial.mix.weights)
        return _BASE + 0.4 * met - 0.1 * abs(math.log10(trial.stages[0].learning_rate / best_rate))

    corpus = _corpus(names)
    space = _space(
        corpus, texts={"choose": "weights"}, tuning={"rank": {"low": 4, "high": 32, "log": True}}, learning_rate=_RATES
    )
    return Problem(space, FormulaObjective(truth), truth, _BASE + 0.4, _BASE)


def settings(seed: int) -> Problem:
    """Rank, alpha, dropout, targets, layers and learning rate, with the texts fixed.

    The best learning rate falls with the square root of alpha; everything else adds up.
    """
    rng = np.random.default_rng([seed, 2])
    targets: list[float] = [0.0, *rng.permutation([0.0, -0.03, -0.08])]  # by the number of modules
    frozen: list[float] = [*rng.permutation([0.0, -0.02, -0.06])]  # by the number of layers
    best_rank, best_dropout, best_rate = rng.uniform(3, 5), rng.uniform(0, 0.3), 1e-3 * 10 ** rng.uniform(-0.4, 0.4)
    fits = float(rng.choice([1.0, 2.0, 4.0]))

    def truth(trial: TrialConfig) -> float:
        (stage,) = trial.stages
        tuning = stage.tuning
        rate = math.log10(stage.learning_rate / best_rate) + 0.5 * math.log10(tuning.alpha / 16)
        return (
            0.6
            - 0.15 * rate**2
            - 0.02 * (math.log2(tuning.rank) - best_rank) ** 2
            - 0.02 * abs(math.log2(tuning.alpha / tuning.rank / fits))
            - 0.5 * (tuning.dropout - best_dropout) ** 2
            + targets[len(tuning.targets)]
            + frozen[sum(part.last - part.first + 1 for part in stage.frozen)]
        )

    space = _space(_corpus(["text"]), texts={"choose": "all"}, **_SETTINGS)
    rounding = min(0.02 * (math.log2(rank) - best_rank) ** 2 for rank in range(4, 65))
    return Problem(space, FormulaObjective(truth), truth, 0.6 - rounding, _BASE)


def crossing(seed: int) -> Problem:
    """Ten texts, five of which help or hurt, with new noise at every rung: curves cross.

    A unit is the standard deviation of the score over all subsets.
    """
    world = planted_world("additive", seed)
    best = max(world.value(dict.fromkeys(_chosen(world.texts, index), 1.0)) for index in range(2 ** len(world.texts)))

    def truth(trial: TrialConfig) -> float:
        return strength(trial.stages[0].learning_rate) * world.value(dict(trial.mix.weights))

    rates = {"low": BEST_RATE / 10, "high": BEST_RATE * 10}
    space = _space(_corpus(world.texts), texts={"choose": "subset"}, tuning={"rank": [4, 8, 16]}, learning_rate=rates)
    return Problem(space, WorldObjective(world), truth, best, 0.0)


def _chosen(texts: tuple[str, ...], index: int) -> list[str]:
    return [text for place, text in enumerate(texts) if index >> place & 1]


def _corpus(names: Sequence[str]) -> Corpus:
    return Corpus(_NOWHERE, tuple(Text(name, (), name, 10, "") for name in names))


def _space(corpus: Corpus, texts: dict[str, Any], **fields: Any) -> Space:
    spec = SpaceSpec.model_validate({"texts": {"folder": "nowhere", **texts}, **fields})
    return Space(spec, corpus, _LAYOUT, _RUNGS[-1])
