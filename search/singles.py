"""Trials of every text by itself, before all others: the classic rating with one adapter per text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from optuna.trial import FrozenTrial

from search.arms import Planner
from search.storage import records
from search.storage.records import Plan
from spaces import FieldError, Space


class SinglesFirst:
    """Planner that runs every text by itself once, all with the settings and the seed of the first such trial.

    These trials come in addition to the two arms: they count neither for the opening nor for the randomized share.
    """

    def __init__(
        self, inner: Planner, alone: Mapping[str, Mapping[str, Any]], settings: AbstractSet[str], seed: int
    ) -> None:
        """Configure the planner.

        Args:
            inner: planner of all other trials.
            alone: by name of a text, the parameters of the mix that is this text alone.
            settings: names of the searched settings.
            seed: seed of the study.
        """
        self._inner = inner
        self._alone = alone
        self._settings = settings
        self._seed = seed

    def next(self, started: Sequence[FrozenTrial]) -> Plan | None:
        """Plan the trial of the next text that has none, or else what the inner planner plans."""
        singles = {trial.user_attrs[records.SINGLE]: trial for trial in started if records.SINGLE in trial.user_attrs}
        missing = next((name for name in self._alone if name not in singles), None)
        if missing is None:
            return self._inner.next([trial for trial in started if records.SINGLE not in trial.user_attrs])
        first = next(iter(singles.values()), None)
        params = first.params if first is not None else {}
        held = {name: value for name, value in params.items() if name in self._settings}
        arm = {records.ARM: records.Arm.GUIDED.value, records.SEED: self._seed, records.SINGLE: missing}
        return Plan({**held, **self._alone[missing]}, arm)


def refuse_single_texts(space: Space) -> None:
    """Check that trials of single texts are possible in a space.

    Raises:
        FieldError: texts are not searched, or every mix has several.
    """
    several = space.limits is not None and space.limits[0] > 1
    if several or not space.searches_texts:
        why = "`min_texts` is above 1" if several else "the texts are not searched"
        raise FieldError(
            "search.single_texts",
            f"every text must be possible by itself, and {why}. Leave out one of the two fields.",
            code="single-texts-impossible",
        )
