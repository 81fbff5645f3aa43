"""A second thing to optimize beside the score: names to the qualities of a rung that measure it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from objectives.base import ADAPTER_WEIGHTS, FORGOTTEN, TEXT_TOKENS, Rung
from search.optuna_compat import SeenStudy
from search.samplers import SAMPLERS
from search.storage.records import read_rung
from spaces.kinds import Kinds

View = Callable[..., optuna.Study]
"""Makes the study that a sampler or a pruner is shown, from what makes Optuna's own."""


@dataclass(frozen=True, slots=True)
class SecondaryObjective:
    """Something that is better the smaller it is."""

    quality: str
    """Name of the rung's quality that measures it."""
    unit: str


RETENTION = SecondaryObjective(FORGOTTEN, "bits per byte of held-out text forgotten")
FEW_TOKENS = SecondaryObjective(TEXT_TOKENS, "tokens of the texts in the mix")
SMALL_ADAPTER = SecondaryObjective(ADAPTER_WEIGHTS, "trained weights")

SECONDARY_OBJECTIVES: Kinds[SecondaryObjective] = Kinds(
    "mixtune.secondary_objectives",
    {
        "retention": "search.secondary:RETENTION",
        "text_tokens": "search.secondary:FEW_TOKENS",
        "adapter_size": "search.secondary:SMALL_ADAPTER",
    },
)
"""Name of a secondary objective to what it measures; all are minimized."""


def directions(second: str | None) -> list[StudyDirection]:
    """Directions of the score, and of the secondary objective where there is one."""
    return [StudyDirection.MAXIMIZE] + ([StudyDirection.MINIMIZE] if second is not None else [])


def values(rung: Rung, second: str | None) -> list[float]:
    """Values with which a trial that ended with this rung is told to Optuna."""
    return [rung.score] + ([rung.qualities[SECONDARY_OBJECTIVES[second].quality]] if second is not None else [])


class SingleObjectiveView(optuna.Study):
    """A study as if the score were all: Optuna's pruners know one direction only."""

    @property
    def directions(self) -> list[StudyDirection]:
        return super().directions[:1]


class PrunedAsCompleteView(SeenStudy):
    """A study in which a pruned trial counts with what it had reached, for a sampler that would not see it.

    With two objectives that is every sampler; with one it is the Gaussian process, to which complete trials alone say
    anything, so that with a pruner it learns of little but the randomized arm. With two objectives, a trial that
    trained on nothing is no compromise, cheap as it is: it counts as the dearest. Otherwise a sampler proposes, again
    and again, what is pruned, or nothing.
    """

    def __init__(self, *arguments: Any, second: str | None, **options: Any) -> None:
        """As Optuna's own; `second`: name of the secondary objective."""
        super().__init__(*arguments, **options)
        self._second = second

    def seen(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Trials with the pruned ones as complete."""
        reached = {trial.number: rung for trial in trials if (rung := _last_rung(trial)) is not None}
        dearest = max((values(rung, self._second)[-1] for rung in reached.values()), default=0.0)
        return [self._as_far_as_it_came(trial, reached.get(trial.number), dearest) for trial in trials]

    def _as_far_as_it_came(self, trial: FrozenTrial, last: Rung | None, dearest: float) -> FrozenTrial:
        if last is None or trial.state not in {TrialState.COMPLETE, TrialState.PRUNED}:
            return trial
        seen = copy.copy(trial)
        seen.state = TrialState.COMPLETE
        seen.values = values(last, self._second)
        if self._second is not None and not last.qualities[TEXT_TOKENS]:
            seen.values = [last.score, dearest]
        return seen


def _last_rung(trial: FrozenTrial) -> Rung | None:
    return read_rung(trial, len(trial.intermediate_values) - 1)


def sampled(sampler: str, second: str | None) -> View:
    """The view of a study that a sampler gets: with one objective, Optuna's own handle pruned trials themselves."""
    as_complete = second is not None or not SAMPLERS[sampler].sees_pruned
    return partial(PrunedAsCompleteView, second=second) if as_complete else optuna.Study
