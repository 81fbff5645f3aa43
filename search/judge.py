"""Decision whether a trial continues after a rung."""

from __future__ import annotations

from typing import Protocol

from optuna.pruners import BasePruner

from search.secondary import SingleObjectiveView
from search.storage import records
from search.storage.ledger import Ledger


class Judge(Protocol):
    """Decides which trials to stop early."""

    def stops(self, number: int) -> bool:
        """Whether a trial is stopped at the rung that it has just reported, which is not its last."""
        ...


class NeverStops:
    """Judge that never stops a trial before its last rung."""

    def stops(self, number: int) -> bool:
        return False


class PrunerJudge:
    """Judge that stops the guided trials that the study's pruner would stop, given the rungs in the database."""

    def __init__(self, ledger: Ledger, pruner: BasePruner) -> None:
        """Store the trials in the database (`ledger`) and the pruner."""
        self._ledger = ledger
        self._pruner = pruner

    def stops(self, number: int) -> bool:
        """Whether a trial is stopped at its current rung.

        Randomized trials and those of single texts are never stopped, but the pruner compares them with the guided ones
        until the rung at which it would have stopped the trial: from there on, the trial must not count as promoted.
        """
        trial = self._ledger.trial(number)
        if trial.user_attrs.get(records.STOPPED_BY_PRUNER) is not None:
            return False
        stop = self._pruner.prune(self._ledger.study(SingleObjectiveView), trial)
        if stop and (records.is_randomized(trial) or records.SINGLE in trial.user_attrs):
            self._ledger.note(number, records.STOPPED_BY_PRUNER, trial.last_step)
            return False
        return stop
