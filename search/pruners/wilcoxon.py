"""Wilcoxon's signed-rank test: a trial stops if it is significantly worse than the best one, question by question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
from optuna.pruners import BasePruner, WilcoxonPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.pruners.kind import PrunerKind
from search.storage.records import read_rung

if TYPE_CHECKING:
    from objectives.base import Rung


class QuestionWilcoxonPruner(BasePruner):
    """Pruner of trials that are significantly worse than the best one, question by question at the same rung.

    Optuna's Wilcoxon pruner compares running means over question numbers within one evaluation. Here, a rung scores all
    questions at once, so each rung becomes a small study: the questions of the best finished trial against those of
    this trial.
    """

    def __init__(self, p_threshold: float = 0.1) -> None:
        self._pruner = WilcoxonPruner(p_threshold=p_threshold)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        index = len(trial.intermediate_values) - 1
        rivals = [rung for other in finished if (rung := read_rung(other, index)) is not None]
        own = read_rung(trial, index)
        if not rivals or own is None:
            return False
        best = max(rivals, key=lambda rung: rung.score)
        if not own.items or len(own.items) != len(best.items):
            return False
        questions = optuna.create_study(direction="maximize")
        questions.add_trial(_as_trial(best, TrialState.COMPLETE))
        return self._pruner.prune(questions, _as_trial(own, TrialState.RUNNING))


def _as_trial(rung: Rung, state: TrialState) -> FrozenTrial:
    return create_trial(
        state=state,
        value=rung.score if state is TrialState.COMPLETE else None,
        intermediate_values=dict(enumerate(rung.items)),
    )


WILCOXON = PrunerKind(build=lambda _rungs, _reduction: QuestionWilcoxonPruner())
