"""The two arms of a study: texts drawn at random, or chosen by the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from optuna.trial import FrozenTrial, TrialState

from search.designs import RandomizedDesign
from search.storage import records
from search.storage.records import Plan
from spaces.trial import fingerprint


class Planner(Protocol):
    """Decides what the next trial is about."""

    def next(self, started: Sequence[FrozenTrial]) -> Plan | None:
        """The trial after those that were begun; None where there is none."""
        ...


class Arms:
    """Deals trials to the two arms, from the trials that a study has."""

    def __init__(self, design: RandomizedDesign | None, share: float, seed: int) -> None:
        """Say how.

        Args:
            design: of the randomized trials; None where there are none.
            share: of the randomized trials, kept at every point of the study, to within one block of them.
            seed: of the study.
        """
        self._design = design
        self._share = share
        self._seed = seed

    def next(self, started: Sequence[FrozenTrial]) -> Plan:
        """Plan the trial after those that were started: one of a block that lacks trials, else any other."""
        blocks: dict[int, list[FrozenTrial]] = {}
        for trial in started:
            if records.is_randomized(trial):
                blocks.setdefault(trial.user_attrs[records.PAIR], []).append(trial)
        if self._design is not None:
            for number, members in blocks.items():
                plan = self._next_of(self._design, number, members)
                if plan is not None:
                    return plan
        randomized = sum(map(len, blocks.values()))
        seed = int(fingerprint([self._seed, len(started)])[:8], 16)
        if self._design is None or not wants_randomized(randomized, len(started) - randomized, self._share):
            return Plan({}, {records.ARM: records.Arm.GUIDED.value, records.SEED: seed})
        return Plan(
            dict(self._design.block(len(blocks))[0]),
            {
                records.ARM: records.Arm.RANDOMIZED.value,
                records.PAIR: len(blocks),
                records.PROPENSITY: self._design.propensity,
                records.SEED: seed,
            },
        )

    @staticmethod
    def _next_of(design: RandomizedDesign, number: int, members: Sequence[FrozenTrial]) -> Plan | None:
        """The next trial of a block, with the settings and seed of its first; None where it gets no more."""
        failed = any(member.state is TrialState.FAIL for member in members)
        if len(members) == design.size or (failed and design.whole):
            return None
        first = members[0]
        copied = (records.ARM, records.PAIR, records.PROPENSITY, records.SEED)
        attributes = {key: first.user_attrs[key] for key in copied}
        return Plan({**first.params, **design.block(number)[len(members)]}, attributes)


def wants_randomized(randomized: int, guided: int, share: float) -> bool:
    """Whether the next trial belongs to the randomized arm, so that its share is kept at every point of the study."""
    return share > 0 and randomized < share * (randomized + guided + 1)
