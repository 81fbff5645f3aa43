"""A second thing to optimise beside the score: names to the qualities of a rung that measure it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from objectives.base import ADAPTER_WEIGHTS, FORGOTTEN, TEXT_TOKENS, Rung


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that is better the smaller it is."""

    quality: str
    """Name of the rung's quality that measures it."""
    unit: str


GOALS: Mapping[str, Goal] = {
    "retention": Goal(FORGOTTEN, "bits per byte of held-out text forgotten"),
    "text_tokens": Goal(TEXT_TOKENS, "tokens of the texts in the mix"),
    "adapter_size": Goal(ADAPTER_WEIGHTS, "trained weights"),
}
"""Name of a second goal to what it measures; all are minimised."""


def directions(second: str | None) -> list[StudyDirection]:
    """Of the score, and of the second goal where there is one."""
    return [StudyDirection.MAXIMIZE] + ([StudyDirection.MINIMIZE] if second is not None else [])


def values(rung: Rung, second: str | None) -> list[float]:
    """What a trial that ended with this rung is told with."""
    return [rung.score] + ([rung.qualities[GOALS[second].quality]] if second is not None else [])


class FirstGoal(optuna.Study):
    """A study as if the score were all: Optuna's pruners know one direction only."""

    @property
    def directions(self) -> list[StudyDirection]:
        return super().directions[:1]


class WithoutPruned(optuna.Study):
    """A study of two goals as its sampler sees it: Optuna cannot say how good a trial was that was stopped early."""

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        found = super()._get_trials(deepcopy, states, use_cache)
        return [trial for trial in found if trial.state is not TrialState.PRUNED]


def sampled(second: str | None) -> type[optuna.Study]:
    """How a sampler looks at a study."""
    return WithoutPruned if second is not None else optuna.Study
