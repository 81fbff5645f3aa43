"""Limits on how often a trial reads a text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from spaces.trial import CorpusMix, Stage, TrialConfig

_ROUNDING = 1e-6


def as_read(trial: TrialConfig, tokens: Mapping[str, int]) -> tuple[Stage, ...]:
    """Return the stages of a trial with what they actually read, no text more than `max_epochs` times in all stages.

    Args:
        trial: the trial as chosen.
        tokens: number of tokens of every text in the trial.
    """
    if trial.max_epochs is None:
        return trial.stages
    names = {name for stage in trial.stages for name in stage.mix.names}
    room = {name: trial.max_epochs * tokens[name] for name in names}
    stages = []
    for stage in trial.stages:
        mix, budget = capped(stage.mix, stage.budget, room) if stage.mix.names else (stage.mix, stage.budget)
        room |= {name: max(0.0, room[name] - share * budget) for name, share in mix.weights}
        stages.append(replace(stage, mix=mix, budget=budget))
    return tuple(stages)


def capped(mix: CorpusMix, budget: int, room: Mapping[str, float]) -> tuple[CorpusMix, int]:
    """Return a mix and its training tokens such that no text is read more than its room allows.

    Tokens beyond a text's room go to the other texts, in proportion to their shares; if no text has room left, the
    budget is cut.

    Args:
        mix: the mix as chosen.
        budget: training tokens.
        room: text names to the number of tokens that may be read of the text, repetitions included.
    """
    taken: dict[str, float] = {}
    left = dict(mix.weights)
    while left:
        rest = max(0.0, budget - math.fsum(taken.values()))
        total = math.fsum(left.values())
        full = [name for name, share in left.items() if rest * share / total > room[name]]
        if not full:
            taken |= {name: rest * share / total for name, share in left.items()}
            break
        taken |= {name: room[name] for name in full}
        left = {name: share for name, share in left.items() if name not in full}
    taken = {name: tokens for name, tokens in taken.items() if tokens >= 1}
    read = math.fsum(taken.values())
    weights = tuple((name, taken[name] / read) for name, _ in mix.weights if name in taken)
    return CorpusMix(weights), min(budget, math.floor(read + _ROUNDING))
