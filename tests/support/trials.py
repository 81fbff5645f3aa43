"""Records of trials, drawn as the product draws them and scored by a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from optuna.trial import TrialState

from objectives.base import Rung
from search.designs import BalancedAssignments
from search.storage.records import Arm, TrialRecord
from spaces import CorpusMix, LayerRange, Stage, TrialConfig, Tuning

TEXTS = ("alpha", "beta", "gamma", "delta")

Formula = Callable[[set[str], np.random.Generator], float]


def record(
    number: int,
    texts: tuple[str, ...],
    score: float,
    *,
    pair: int | None = None,
    arm: Arm = Arm.RANDOMIZED,
    state: TrialState = TrialState.COMPLETE,
    params: Mapping[str, Any] | None = None,
    frozen: tuple[LayerRange, ...] = (),
    qualities: Mapping[str, float] | None = None,
    early: float | None = None,
) -> TrialRecord:
    """A trial of one rung, or of two where `early` gives the score at the first; a pruned one has only that."""
    stage = Stage("train", CorpusMix.equal(texts), Tuning("lora", 8, 16, 0, ("q_proj",)), frozen, 900, 1e-3)
    last = Rung(int(early is not None), 900, score, 0.01, base=0.2, qualities=qualities or {})
    rungs = (last,) if early is None else (Rung(0, 300, early, 0.01, base=0.2), last)
    return TrialRecord(
        number=number,
        arm=arm,
        pair=pair,
        propensity=0.5 if arm is Arm.RANDOMIZED else None,
        config=TrialConfig("tiny", 0, (stage,)),
        params=params or {},
        state=state,
        rungs=rungs[:1] if state is TrialState.PRUNED else rungs,
        error="",
        seconds=1.0,
    )


def study(
    score: Formula,
    pairs: int,
    *,
    texts: tuple[str, ...] = TEXTS,
    seed: int = 0,
    pair_noise: float = 0.0,
    design: Callable[[int, int], BalancedAssignments] = BalancedAssignments,
    early_noise: float | None = None,
) -> list[TrialRecord]:
    """Randomized trials; with `early_noise` they have a first rung that shows half of the score, and noise."""
    rng = np.random.default_rng(seed)
    coins = design(len(texts), seed)
    found: list[TrialRecord] = []
    for pair in range(pairs):
        drawn = coins.draw(pair)
        shared = rng.normal(0, pair_noise) if pair_noise else 0.0
        for wanted in (1, 0):
            mix = tuple(text for text, coin in zip(texts, drawn, strict=True) if coin == wanted)
            value = score(set(mix), rng) + shared
            early = None if early_noise is None else value / 2 + rng.normal(0, early_noise)
            found.append(record(len(found), mix, value, pair=pair, early=early))
    return found


def additive(effects: Mapping[str, float], noise: float) -> Formula:
    return lambda mix, rng: 0.3 + sum(effects.get(text, 0.0) for text in mix) + rng.normal(0, noise)
