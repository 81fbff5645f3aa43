"""Settings of the randomized trials, held at the best known ones instead of being drawn for every block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.storage import records

HELD_TRIALS = 16
"""Randomized trials that share their settings before the best known ones are looked up again."""
_LONGEST_OPENING = 16
"""Most guided trials before the first randomized one."""


class HeldSettings:
    """Holds the settings of randomized trials at those of the best trial that was complete when their group began.

    Settings that differ from block to block change the effects of the texts, and bad ones hide them; both widen the
    intervals (`docs/experiments.md`). What a group is trained with is decided before its texts are drawn, so the
    intervals remain valid; the effects are those at settings that one would use.
    """

    def __init__(self, names: AbstractSet[str], size: int, opening: int) -> None:
        """Configure the rule.

        Args:
            names: names of the searched settings, without parameters of texts.
            size: trials of a block.
            opening: guided trials before the first randomized one; settings are held once half of them are complete,
                or, if there are none, once a whole group of randomized trials is.
        """
        self._names = names
        self._blocks = max(1, HELD_TRIALS // size)
        self._fewest = max(1, opening // 2) if opening else HELD_TRIALS

    def next(self, block: int, started: Sequence[FrozenTrial]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the settings and the attributes of a new block; empty if the sampler must draw the settings.

        Args:
            block: number of the block.
            started: all trials so far, in the order of their numbers.
        """
        group = block // self._blocks
        held = (trial for trial in started if records.SETTINGS_OF in trial.user_attrs)
        source = next((trial for trial in held if trial.user_attrs[records.PAIR] // self._blocks == group), None)
        number = source.user_attrs[records.SETTINGS_OF] if source is not None else None
        if source is None:
            source = self._best(started)
            number = source.number if source is not None else None
        if source is None:
            return {}, {}
        return {name: source.params[name] for name in self._names}, {records.SETTINGS_OF: number}

    def _best(self, started: Sequence[FrozenTrial]) -> FrozenTrial | None:
        """Return the complete trial with the highest score, of equal ones the first; None if too few are complete."""
        complete = [trial for trial in started if trial.state is TrialState.COMPLETE]
        if len(complete) < self._fewest:
            return None
        return max(complete, key=lambda trial: trial.values[0])


def opening_trials(trials: int, share: float) -> int:
    """Return the number of guided trials that look for good settings before the first randomized trial.

    Args:
        trials: trials of the whole study.
        share: share of randomized trials, in [0, 1].
    """
    return min(_LONGEST_OPENING, int(trials * (1 - share)) // 2)
