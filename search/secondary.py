"""Secondary objectives, optimized in addition to the score and measured by qualities of a rung."""

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
from search.optuna_compat import StudyView
from search.samplers import SAMPLERS
from search.storage.records import read_rung
from spaces.kinds import Kinds

View = Callable[..., optuna.Study]
"""Constructor, with the arguments of `optuna.Study`, of the study that a sampler or a pruner is shown."""


@dataclass(frozen=True, slots=True)
class SecondaryObjective:
    """A secondary objective, which is minimized."""

    quality: str
    """Name of the rung's quality that measures the objective."""
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
"""Secondary objectives by name; all are minimized."""


def directions(secondary: str | None) -> list[StudyDirection]:
    """Return the directions of the score and, if there is one, of the secondary objective."""
    return [StudyDirection.MAXIMIZE] + ([StudyDirection.MINIMIZE] if secondary is not None else [])


def values(rung: Rung, secondary: str | None) -> list[float]:
    """Return the objective values reported to Optuna for a trial that ended with this rung."""
    return [rung.score] + ([rung.qualities[SECONDARY_OBJECTIVES[secondary].quality]] if secondary is not None else [])


class SingleObjectiveView(optuna.Study):
    """A study with the score as its only objective, because Optuna's pruners support a single direction."""

    @property
    def directions(self) -> list[StudyDirection]:
        return super().directions[:1]


class PrunedAsCompleteView(StudyView):
    """A study that shows pruned trials as complete, with their last values, to samplers that ignore pruned trials.

    With two objectives, every sampler ignores them. With one, only the Gaussian process does, so that with a pruner it
    would learn of little but the randomized arm. With two objectives, a trial that trained on nothing is not a useful
    compromise although it is cheap, so it counts as the most expensive. Otherwise a sampler keeps proposing what was
    pruned, or the empty mix.
    """

    def __init__(self, *arguments: Any, secondary: str | None, **options: Any) -> None:
        """Pass all arguments to `optuna.Study`, except for `secondary`, the name of the secondary objective."""
        super().__init__(*arguments, **options)
        self._secondary = secondary

    def visible_trials(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials, with the pruned ones as complete."""
        last_rungs = {trial.number: rung for trial in trials if (rung := _last_rung(trial)) is not None}
        worst = max((values(rung, self._secondary)[-1] for rung in last_rungs.values()), default=0.0)
        return [self._as_complete(trial, last_rungs.get(trial.number), worst) for trial in trials]

    def _as_complete(self, trial: FrozenTrial, last: Rung | None, worst: float) -> FrozenTrial:
        if last is None or trial.state not in {TrialState.COMPLETE, TrialState.PRUNED}:
            return trial
        complete = copy.copy(trial)
        complete.state = TrialState.COMPLETE
        complete.values = values(last, self._secondary)
        if self._secondary is not None and not last.qualities[TEXT_TOKENS]:
            complete.values = [last.score, worst]
        return complete


def _last_rung(trial: FrozenTrial) -> Rung | None:
    return read_rung(trial, len(trial.intermediate_values) - 1)


def sampler_view(sampler: str, secondary: str | None) -> View:
    """Return a sampler's view of a study: the plain study if the sampler handles pruned trials itself."""
    as_complete = secondary is not None or not SAMPLERS[sampler].sees_pruned
    return partial(PrunedAsCompleteView, secondary=secondary) if as_complete else StudyView
