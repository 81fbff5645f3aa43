"""Trials of every text by itself, before all others: the classic rating with one adapter per text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from search.arms import Planner
from search.storage import records
from search.storage.records import Plan


class SinglesFirst:
    """Planner that runs every text by itself once, all with the settings and the seed of the first such trial."""

    def __init__(self, inner: Planner, alone: Mapping[str, Mapping[str, Any]], seed: int) -> None:
        """Configure the planner.

        Args:
            inner: planner of all other trials.
            alone: by name of a text, the parameters of the mix that is this text alone.
            seed: seed of the study.
        """
        self._inner = inner
        self._alone = alone
        self._seed = seed

    def next(self, started: Sequence[FrozenTrial]) -> Plan | None:
        """Plan the trial of the next text that has none, or else what the inner planner plans."""
        singles = {trial.user_attrs[records.SINGLE]: trial for trial in started if records.SINGLE in trial.user_attrs}
        missing = next((name for name in self._alone if name not in singles), None)
        if missing is None:
            return self._inner.next(started)
        first = next(iter(singles.values()), None)
        settings = first.params if first is not None else {}
        texts = self._alone[missing]
        held = {name: value for name, value in settings.items() if name not in texts}
        arm = {records.ARM: records.Arm.GUIDED.value, records.SEED: self._seed, records.SINGLE: missing}
        return Plan({**held, **texts}, arm)
