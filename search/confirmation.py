"""What is run when the search has ended: its best configurations anew, beside baselines, on fresh questions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from optuna.trial import FrozenTrial, TrialState

from search.designs import Limits
from search.spec import ConfirmSpec
from search.storage import records
from search.storage.ledger import Ledger
from search.storage.records import Arm, Plan, TrialRecord
from spaces import CorpusMix, TrialConfig
from spaces.trial import Split, fingerprint

BASE = "untouched base"
ALL_TEXTS = "all texts"
RANDOM_MIX = "random mix"


@dataclass(frozen=True, slots=True)
class Run:
    """A run on the questions that the search never saw."""

    role: str
    """What it stands for; runs of one role differ in their seeds, those of a random mix in their texts, too."""
    arm: Arm
    of: int | None
    """The trial of the search that it repeats."""
    config: TrialConfig


def plan(
    found: Iterable[TrialRecord],
    texts: Sequence[str],
    spec: ConfirmSpec,
    seed: int,
    *,
    mixes: bool,
    limits: Limits | None = None,
) -> list[Run]:
    """The runs that confirm a search, from its trials alone: a search that goes on may have others.

    All roles share the same fresh seeds, and the baselines the settings of the best trial, so that they differ in
    their texts alone.

    Args:
        found: trials of the search.
        texts: names of all texts.
        spec: how many.
        seed: of the study.
        mixes: whether texts were searched, so that mixes of others are of interest.
        limits: fewest and most texts of a mix; a random mix keeps them.
    """
    candidates = _best(found, spec.best)
    if not candidates:
        return []
    seeds = [int(fingerprint([seed, "confirm", number])[:8], 16) for number in range(spec.seeds)]
    settings = candidates[0].config
    runs = [
        Run(f"trial {record.number}", Arm.CONFIRM, record.number, _on(record.config, None, each))
        for record, each in product(candidates, seeds)
    ]
    runs.append(Run(BASE, Arm.BASELINE, None, _on(settings.untrained(), None, seeds[0])))
    if mixes:
        runs += [Run(ALL_TEXTS, Arm.BASELINE, None, _on(settings, texts, each)) for each in seeds]
        drawn = ((_drawn(texts, limits, each), each) for each in seeds)
        runs += [Run(RANDOM_MIX, Arm.BASELINE, None, _on(settings, mix, each)) for mix, each in drawn]
    if mixes and spec.each_text:
        alone = product(texts, seeds)
        runs += [Run(f"only {text}", Arm.BASELINE, None, _on(settings, (text,), each)) for text, each in alone]
    return runs


class ConfirmationQueue:
    """Hands out the runs of a confirmation that were not begun yet, in their order."""

    split: Split = "holdout"

    def __init__(self, ledger: Ledger, runs: Sequence[Run], failed: Iterable[TrialConfig] = ()) -> None:
        """Say which; `failed`: configurations of those that failed before, and are run once more."""
        self._ledger = ledger
        self._runs = runs
        self._failed = list(failed)

    @property
    def remaining(self) -> int:
        return len(self._missing())

    def next(self) -> Plan | None:
        left = self._missing()
        if not left:
            return None
        attributes = {records.ARM: left[0].arm, records.ROLE: left[0].role, records.SEED: left[0].config.seed}
        # Earlier versions read from the configuration which questions a run is asked; one may share the study.
        return Plan({}, {**attributes, records.CONFIG: {**left[0].config.to_dict(), "half": self.split}})

    def config(self, trial: FrozenTrial) -> TrialConfig:
        return TrialConfig.from_dict(trial.user_attrs[records.CONFIG])

    def _missing(self) -> list[Run]:
        return missing(self._runs, map(self.config, self._ledger.trials()), self._failed)


def missing(runs: Sequence[Run], begun: Iterable[TrialConfig], failed: Iterable[TrialConfig]) -> list[Run]:
    """Runs that are not among those that were begun or only failed; one that stands for two roles is run once."""
    attempts = Counter(config.fingerprint for config in begun)
    failures = Counter(config.fingerprint for config in failed)
    wanted = {run.config.fingerprint: run for run in reversed(runs)}
    return [run for name, run in list(wanted.items())[::-1] if attempts[name] <= failures[name]]


def _best(found: Iterable[TrialRecord], most: int) -> list[TrialRecord]:
    """The complete trials with the highest scores that trained on something, each configuration once."""
    complete = [record for record in found if record.state is TrialState.COMPLETE and record.config.trains]
    complete.sort(key=lambda record: (-(record.score or 0.0), record.number))
    distinct = {replace(record.config, seed=0): record for record in reversed(complete)}
    return sorted(distinct.values(), key=complete.index)[:most]


def _on(config: TrialConfig, texts: Sequence[str] | None, seed: int) -> TrialConfig:
    """The configuration with a fresh seed, on other texts where some are given."""
    if texts is not None:
        config = config.on(CorpusMix.equal(texts))
    return replace(config, seed=seed)


def _drawn(texts: Sequence[str], limits: Limits | None, seed: int) -> list[str]:
    """Some of the texts, at least one: each by the flip of a coin, or of a size that the limits allow."""
    rng = random.Random(seed)
    if limits is not None:
        size = rng.randint(*limits)
        return sorted(rng.sample(list(texts), size), key=list(texts).index)
    while True:
        chosen = [text for text in texts if rng.random() < 0.5]
        if chosen:
            return chosen
