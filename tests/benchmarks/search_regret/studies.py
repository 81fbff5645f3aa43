"""Studies of a planted space by the product's own searcher, and what they had found after every trial."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search.arms import Planner
from search.artifacts import Artifacts
from search.opening import open_search
from search.runner import LocalRunner
from search.spec import SearchSpec
from search.storage.records import Arm, TrialRecord, read_record
from tests.benchmarks.search_regret.planted import Problem


@dataclass(frozen=True)
class Course:
    """A study, trial by trial."""

    regret: NDArray[np.float64]
    """After each trial: the highest truth of the space less the truth of the complete trial with the best score."""
    tokens: NDArray[np.float64]
    """Spent so far after each trial, in full trials."""
    guided: float
    """Full trials spent on guided ones."""
    guided_trials: int

    def after(self, trials: int) -> float:
        """Regret after so many trials."""
        return float(self.regret[trials - 1])

    def for_tokens(self, full_trials: float) -> float:
        """Regret when as many tokens are spent as so many full trials take; of the whole study where it spent less."""
        within = int(np.searchsorted(self.tokens, full_trials + 1e-9, side="right"))
        return float(self.regret[max(within, 1) - 1])

    @property
    def saved(self) -> float:
        """Share of the tokens that pruning saved."""
        return 1 - float(self.tokens[-1]) / len(self.tokens)

    @property
    def saved_of_guided(self) -> float:
        """Share of the guided trials' tokens that pruning saved."""
        return 1 - self.guided / self.guided_trials if self.guided_trials else 0.0


def study_of(problem: Problem, seed: int, planner: Planner | None = None, **search: Any) -> Course:
    """Run a whole study, one trial after the other.

    Args:
        problem: what is searched.
        seed: of the study.
        planner: decides what trials are about; None for the two arms of a search.
        search: fields of the `search:` section.
    """
    storage = InMemoryStorage()
    optuna.create_study(storage=storage, study_name=f"seed {seed}", direction="maximize")
    rungs = problem.objective.rungs
    searcher = open_search(storage, f"seed {seed}", problem.space, SearchSpec(**search), rungs, seed, planner=planner)
    with tempfile.TemporaryDirectory() as folder:
        LocalRunner().run(searcher, lambda: problem.objective, Artifacts(Path(folder)))
    found = (read_record(trial) for trial in storage.get_all_trials(0, deepcopy=False))
    return course_of([record for record in found if record is not None], problem, rungs[-1])


def course_of(records: Sequence[TrialRecord], problem: Problem, budget: int) -> Course:
    """Results of finished trials, in their order; `budget`: tokens of a full trial."""
    best_score, truth = -np.inf, problem.base
    regret = []
    for record in records:
        if record.state is TrialState.COMPLETE and record.score is not None and record.score > best_score:
            best_score, truth = record.score, problem.truth(record.config)
        regret.append(problem.best - truth)
    spent = np.array([record.rungs[-1].tokens / budget for record in records])
    guided = np.array([record.arm is Arm.GUIDED for record in records])
    return Course(np.array(regret), spent.cumsum(), float(spent[guided].sum()), int(guided.sum()))
