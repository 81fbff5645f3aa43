"""Events in a run of a study, for listeners; higher scores are better in all of them."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import TrialState

from objectives.base import Rung


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial starts, or resumes from its last state."""

    number: int


@dataclass(frozen=True, slots=True)
class RungReported:
    """A trial reported a rung, now or before an interruption."""

    number: int
    rung: Rung


@dataclass(frozen=True, slots=True)
class TrialLost:
    """A trial lost its worker and is queued again."""

    number: int


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial ended: complete, pruned or failed."""

    number: int
    state: TrialState


@dataclass(frozen=True, slots=True)
class ConfirmationBegun:
    """The confirmation starts; trial numbers in later events are those of confirmation runs."""

    runs: int
    """Number of runs left."""


TrialEvent = TrialStarted | RungReported | TrialLost | TrialFinished
Event = TrialEvent | ConfirmationBegun
