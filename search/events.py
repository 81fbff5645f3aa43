"""What happens in a run of a study, for whoever watches; higher scores are better in all of it."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import TrialState

from objectives.base import Rung


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial begins, or goes on where it was left."""

    number: int


@dataclass(frozen=True, slots=True)
class RungTold:
    """A trial has told a rung, or had told it before a break."""

    number: int
    rung: Rung


@dataclass(frozen=True, slots=True)
class TrialLost:
    """A trial cannot go on where it was, because its worker died; it is handed out again."""

    number: int


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial has ended: complete, pruned or failed."""

    number: int
    state: TrialState


@dataclass(frozen=True, slots=True)
class ConfirmationBegun:
    """From now on, numbers are those of the runs of the confirmation."""

    runs: int
    """Runs that are left."""


TrialEvent = TrialStarted | RungTold | TrialLost | TrialFinished
Event = TrialEvent | ConfirmationBegun
