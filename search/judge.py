"""Whether a trial goes on after a rung."""

from __future__ import annotations

from typing import Protocol

from optuna.pruners import BasePruner

from search.secondary import SingleObjectiveView
from search.storage import records
from search.storage.ledger import Ledger


class Judge(Protocol):
    """Stops weak trials."""

    def stops(self, number: int) -> bool:
        """Whether a trial is stopped at the rung that it has just told, which is not its last."""
        ...


class NeverStops:
    """A judge that lets every trial go on to its last rung."""

    def stops(self, number: int) -> bool:
        return False


class PrunerJudge:
    """Stops the guided trials that the study's pruner would stop, from the rungs in the database alone."""

    def __init__(self, ledger: Ledger, pruner: BasePruner) -> None:
        """Say how; `ledger`: the trials in the database."""
        self._ledger = ledger
        self._pruner = pruner

    def stops(self, number: int) -> bool:
        """Whether a trial is stopped here.

        A randomized trial is never stopped, but the pruner sees it, as a rival of the guided ones, until it
        would have stopped it: from there on it must not count as promoted.
        """
        trial = self._ledger.trial(number)
        if trial.user_attrs.get(records.STOPPED_BY_PRUNER) is not None:
            return False
        stop = self._pruner.prune(self._ledger.study(SingleObjectiveView), trial)
        if stop and records.is_randomized(trial):
            self._ledger.note(number, records.STOPPED_BY_PRUNER, trial.last_step)
            return False
        return stop
