"""How far a study is, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import TrialState

from studies.analysis.confirmation import runs_of, unconfirmed
from studies.analysis.stopping import stopped_early
from studies.storage.stored import StoredStudy


@dataclass(frozen=True, slots=True)
class Status:
    """How far a study is.

    Examples:
        >>> status = demo_study.status()
        >>> status.complete + status.pruned + status.failed == status.total
        True
    """

    name: str
    total: int
    """Trials of the whole study."""
    complete: int
    pruned: int
    failed: int
    running: int
    confirmed: int
    """Complete runs of the confirmation."""
    confirmation_ended: int
    """Runs of the confirmation that are complete or failed."""
    to_confirm: int
    """Runs of the confirmation in all, as it would be planned now."""
    base: float | None
    """Score of the untouched base; None before the first rung."""
    best: tuple[int, float] | None
    """Number and score of the best complete trial; None before there is one."""
    drivers: tuple[str, ...]
    """The programs that run the study now, in words."""
    decided: bool = False
    """Whether the study stopped before `total` trials because every text is decided (`search.stop: when_decided`)."""

    @property
    def ended(self) -> int:
        """Trials that are complete, pruned or failed."""
        return self.complete + self.pruned + self.failed

    @property
    def finished(self) -> bool:
        """Whether no trial and no run of the confirmation is left."""
        return (self.decided or self.ended >= self.total) and self.confirmed >= self.to_confirm


def status_of(study: StoredStudy, drivers: Sequence[str]) -> Status:
    """Count the trials of a study; `drivers`: the programs that run it now, in words."""
    counts = {state: len(study.ended(state)) for state in TrialState}
    planned = len({run.config.fingerprint for run in runs_of(study)})
    best = study.best
    return Status(
        name=study.spec.name,
        total=study.spec.search.trials,
        complete=counts[TrialState.COMPLETE],
        pruned=counts[TrialState.PRUNED],
        failed=counts[TrialState.FAIL],
        running=counts[TrialState.RUNNING],
        confirmed=planned - len(unconfirmed(study)),
        confirmation_ended=sum(record.state.is_finished() for record in study.confirmation),
        to_confirm=planned,
        base=study.base,
        best=(best.number, best.score) if best is not None and best.score is not None else None,
        drivers=tuple(drivers),
        decided=stopped_early(study),
    )
