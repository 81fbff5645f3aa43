"""Names of pruners to Optuna's; a rung's step is its cumulative number of training tokens."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner, WilcoxonPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.records import read_rung

if TYPE_CHECKING:
    from objectives.base import Rung

Rungs = Sequence[int]
"""Cumulative tokens of the rungs of a full trial."""


class QuestionWilcoxonPruner(BasePruner):
    """Stops a trial that is surely worse than the best one, question by question at the same rung.

    Optuna's Wilcoxon pruner compares running means over question numbers within one evaluation; here a rung
    scores all questions at once, so each rung is laid out as a small study of its own: the best finished
    trial's questions against this trial's.
    """

    def __init__(self, p_threshold: float = 0.1) -> None:
        self._pruner = WilcoxonPruner(p_threshold=p_threshold)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        index = len(trial.intermediate_values) - 1
        rivals = [rung for other in finished if (rung := read_rung(other, index)) is not None]
        mine = read_rung(trial, index)
        if not rivals or mine is None:
            return False
        best = max(rivals, key=lambda rung: rung.score)
        if not mine.items or len(mine.items) != len(best.items):
            return False
        questions = optuna.create_study(direction="maximize")
        questions.add_trial(_as_trial(best, TrialState.COMPLETE))
        return self._pruner.prune(questions, _as_trial(mine, TrialState.RUNNING))


def _as_trial(rung: Rung, state: TrialState) -> FrozenTrial:
    return create_trial(
        state=state,
        value=rung.score if state is TrialState.COMPLETE else None,
        intermediate_values=dict(enumerate(rung.items)),
    )


class RungHalvingPruner(SuccessiveHalvingPruner):
    """Successive halving (Li et al., 2020, arXiv 1810.05934) that decides at every rung of the study.

    Optuna's decides at multiples of the first budget by powers of the reduction factor, and would pass over
    rungs at, say, a third and two thirds of the budget.
    """

    def __init__(self, reduction: int) -> None:
        super().__init__(min_resource=1, reduction_factor=reduction)
        self._reduction = reduction

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return super().prune(study, _by_rung(trial, self._reduction))


class RungHyperbandPruner(HyperbandPruner):
    """Hyperband (Li et al., 2018, arXiv 1603.06560) with the rungs of the study, one bracket starting at each."""

    def __init__(self, rungs: int, reduction: int) -> None:
        super().__init__(min_resource=1, max_resource=reduction ** (rungs - 1) + 1, reduction_factor=reduction)
        self._reduction = reduction

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return super().prune(study, _by_rung(trial, self._reduction))


def _by_rung(trial: FrozenTrial, reduction: int) -> FrozenTrial:
    """The trial as if rung i stood at `reduction` to the power i."""
    seen = copy.copy(trial)
    values = (value for _, value in sorted(trial.intermediate_values.items()))
    seen.intermediate_values = {reduction**index: value for index, value in enumerate(values)}
    return seen


PRUNERS: Mapping[str, Callable[[Rungs, int], BasePruner]] = {
    "asha": lambda _rungs, reduction: RungHalvingPruner(reduction),
    "hyperband": lambda rungs, reduction: RungHyperbandPruner(len(rungs), reduction),
    "median": lambda _rungs, _reduction: MedianPruner(n_startup_trials=5),
    "wilcoxon": lambda _rungs, _reduction: QuestionWilcoxonPruner(),
    "none": lambda _rungs, _reduction: NopPruner(),
}
"""Name of a pruner to what builds it from the rungs and the reduction factor."""


def build_pruner(name: str, rungs: Rungs, reduction: int) -> BasePruner:
    """A pruner that decides from the rungs in the database alone, so that it decides the same after a resume."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # some are marked so; the version is held
        return PRUNERS[name](rungs, reduction)
