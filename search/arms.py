"""The two arms of a study: trials with texts drawn at random, and trials with texts chosen by the sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from optuna.trial import FrozenTrial, TrialState

from search.designs import RandomizedDesign
from search.held import HeldSettings
from search.storage import records
from search.storage.records import Plan
from spaces.dimensions.texts import PREFIX
from spaces.trial import fingerprint


class Planner(Protocol):
    """Decides the arm, the seed and the fixed parameters of the next trial."""

    def next(self, started: Sequence[FrozenTrial]) -> Plan | None:
        """Return the plan of the next trial after the started ones, or None if there is none."""
        ...


class Arms:
    """Planner that assigns trials to the two arms, given the existing trials of a study."""

    def __init__(
        self,
        design: RandomizedDesign | None,
        share: float,
        seed: int,
        held: HeldSettings | None = None,
        opening: int = 0,
    ) -> None:
        """Configure the planner.

        Args:
            design: design of the randomized trials; None for a study without them.
            share: share of randomized trials, in [0, 1], kept to within one block at every point after the opening.
            seed: seed of the study.
            held: rule that holds the settings of randomized trials; None if the sampler draws them for every block.
            opening: number of guided trials before the first randomized one.
        """
        self._design = design
        self._share = share
        self._seed = seed
        self._held = held
        self._opening = opening

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
        seed = int(fingerprint([self._seed, len(started)])[:8], 16)
        if self._design is None or not self._wants_randomized(self._design, list(blocks.values()), len(started)):
            return Plan({}, {records.ARM: records.Arm.GUIDED.value, records.SEED: seed})
        number = len(blocks)
        settings, origin = self._held.next(number, started) if self._held is not None else ({}, {})
        return Plan(
            {**settings, **self._design.block(number)[0]},
            {
                records.ARM: records.Arm.RANDOMIZED.value,
                records.PAIR: number,
                records.PROPENSITY: self._design.propensity,
                records.SEED: seed,
                **origin,
            },
        )

    def _wants_randomized(
        self, design: RandomizedDesign, blocks: Sequence[Sequence[FrozenTrial]], started: int
    ) -> bool:
        """Whether the next trial must be randomized.

        Blocks that were drawn without texts that were added later do not count: these texts need trials of their own.
        """
        if not blocks and started < self._opening:
            return False
        names = _texts(design.block(0)[0])
        current = sum(len(members) for members in blocks if names <= _texts(members[0].params))
        return wants_randomized(current, started - sum(map(len, blocks)), self._share)

    @staticmethod
    def _next_in_block(design: RandomizedDesign, number: int, members: Sequence[FrozenTrial]) -> Plan | None:
        """Plan the next trial of a block, with the settings and seed of the first one; None if the block is done."""
        failed = any(member.state is TrialState.FAIL for member in members)
        if len(members) == design.size or (failed and design.whole):
            return None
        first, drawn = members[0], design.block(number)
        if _texts(first.params) != _texts(drawn[0]):
            return None  # drawn before texts were added or removed
        copied = (records.ARM, records.PAIR, records.PROPENSITY, records.SEED, records.SETTINGS_OF)
        attributes = {key: first.user_attrs[key] for key in copied if key in first.user_attrs}
        return Plan({**first.params, **drawn[len(members)]}, attributes)


def _texts(params: Mapping[str, Any]) -> set[str]:
    """Return the names of the parameters about texts."""
    return {name for name in params if name.startswith(PREFIX)}


def wants_randomized(randomized: int, guided: int, share: float) -> bool:
    """Whether the next trial must be randomized, to keep the share of that arm at every point of the study."""
    return share > 0 and randomized < share * (randomized + guided + 1)
