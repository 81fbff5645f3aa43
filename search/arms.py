"""The two arms of a study: trials with texts drawn at random, and trials with texts chosen by the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from optuna.trial import FrozenTrial, TrialState

from search.designs import RandomizedDesign
from search.storage import records
from search.storage.records import Plan
from spaces.trial import fingerprint


class Planner(Protocol):
    """Decides the arm, the seed and the fixed parameters of the next trial."""

    def next(self, started: Sequence[FrozenTrial]) -> Plan | None:
        """Return the plan of the next trial after the started ones, or None if there is none."""
        ...


class Arms:
    """Planner that assigns trials to the two arms, given the existing trials of a study."""

    def __init__(self, design: RandomizedDesign | None, share: float, seed: int) -> None:
        """Configure the planner.

        Args:
            design: design of the randomized trials; None for a study without them.
            share: share of randomized trials, in [0, 1], kept at every point of the study to within one block.
            seed: seed of the study.
        """
        self._design = design
        self._share = share
        self._seed = seed

    def next(self, started: Sequence[FrozenTrial]) -> Plan:
        """Plan the next trial: the next one of an incomplete block, or else a new one."""
        blocks: dict[int, list[FrozenTrial]] = {}
        for trial in started:
            if records.is_randomized(trial):
                blocks.setdefault(trial.user_attrs[records.PAIR], []).append(trial)
        if self._design is not None:
            for number, members in blocks.items():
                plan = self._next_in_block(self._design, number, members)
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
    def _next_in_block(design: RandomizedDesign, number: int, members: Sequence[FrozenTrial]) -> Plan | None:
        """Plan the next trial of a block, with the settings and seed of the first one; None if the block is done."""
        failed = any(member.state is TrialState.FAIL for member in members)
        if len(members) == design.size or (failed and design.whole):
            return None
        first = members[0]
        copied = (records.ARM, records.PAIR, records.PROPENSITY, records.SEED)
        attributes = {key: first.user_attrs[key] for key in copied}
        return Plan({**first.params, **design.block(number)[len(members)]}, attributes)


def wants_randomized(randomized: int, guided: int, share: float) -> bool:
    """Whether the next trial must be randomized, to keep the share of that arm at every point of the study."""
    return share > 0 and randomized < share * (randomized + guided + 1)
