"""Confirmation runs after the search: its best configurations, trained again, and baselines, on held-out questions."""

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
    """A confirmation run, scored on the held-out questions."""

    role: str
    """Role of the run; runs of one role differ in their seeds, and random mixes also in their texts."""
    arm: Arm
    of: int | None
    """Number of the search trial that the run repeats; None for a baseline."""
    config: TrialConfig


def plan(
    trials: Iterable[TrialRecord],
    texts: Sequence[str],
    spec: ConfirmSpec,
    seed: int,
    *,
    mixes: bool,
    limits: Limits | None = None,
) -> list[Run]:
    """Return the runs that confirm a search, given its trials; they may change if the search continues.

    All roles share the same fresh seeds, and the baselines use the settings of the best trial, so that they differ only
    in their texts.

    Args:
        trials: trials of the search.
        texts: names of the texts; trials on others, which were removed from the study, are not confirmed.
        spec: number of candidates and seeds.
        seed: seed of the study.
        mixes: whether texts were searched, so that baselines with other mixes are run.
        limits: fewest and most texts of a mix, which apply to random mixes too.
    """
    candidates = _best((record for record in trials if set(record.texts) <= set(texts)), spec.best)
    if not candidates:
        return []
    seeds = [int(fingerprint([seed, "confirm", number])[:8], 16) for number in range(spec.seeds)]
    settings = candidates[0].config
    runs = [
        Run(f"trial {record.number}", Arm.CONFIRM, record.number, _on(record.config, None, run_seed))
        for record, run_seed in product(candidates, seeds)
    ]
    runs.append(Run(BASE, Arm.BASELINE, None, _on(settings.untrained(), None, seeds[0])))
    if mixes:
        runs += [Run(ALL_TEXTS, Arm.BASELINE, None, _on(settings, texts, run_seed)) for run_seed in seeds]
        drawn = ((_random_mix(texts, limits, run_seed), run_seed) for run_seed in seeds)
        runs += [Run(RANDOM_MIX, Arm.BASELINE, None, _on(settings, mix, run_seed)) for mix, run_seed in drawn]
    if mixes and spec.each_text:
        single = product(texts, seeds)
        runs += [Run(f"only {text}", Arm.BASELINE, None, _on(settings, (text,), run_seed)) for text, run_seed in single]
    return runs


class ConfirmationQueue:
    """Queue of the confirmation runs that have not started yet, in order."""

    split: Split = "holdout"

    def __init__(self, ledger: Ledger, runs: Sequence[Run], failed: Iterable[TrialConfig] = ()) -> None:
        """Store the runs; `failed` has the configurations of runs that failed before and are run once more."""
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
        # Earlier versions, which may share the study, read the split from the configuration.
        return Plan({}, {**attributes, records.CONFIG: {**left[0].config.to_dict(), "half": self.split}})

    def config(self, trial: FrozenTrial) -> TrialConfig:
        return TrialConfig.from_dict(trial.user_attrs[records.CONFIG])

    def _missing(self) -> list[Run]:
        return missing(self._runs, map(self.config, self._ledger.trials()), self._failed)


def missing(runs: Sequence[Run], started: Iterable[TrialConfig], failed: Iterable[TrialConfig]) -> list[Run]:
    """Return the runs that have not started or have only failed; a run with two roles is returned once."""
    attempts = Counter(config.fingerprint for config in started)
    failures = Counter(config.fingerprint for config in failed)
    distinct = {run.config.fingerprint: run for run in reversed(runs)}
    return [run for name, run in list(distinct.items())[::-1] if attempts[name] <= failures[name]]


def _best(trials: Iterable[TrialRecord], most: int) -> list[TrialRecord]:
    """Return the complete trials with the highest scores that trained on something, each configuration once."""
    complete = [record for record in trials if record.state is TrialState.COMPLETE and record.config.trains]
    complete.sort(key=lambda record: (-(record.score or 0.0), record.number))
    distinct = {replace(record.config, seed=0): record for record in reversed(complete)}
    return sorted(distinct.values(), key=complete.index)[:most]


def _on(config: TrialConfig, texts: Sequence[str] | None, seed: int) -> TrialConfig:
    """Return the configuration with a fresh seed and, if given, other texts."""
    if texts is not None:
        config = config.on(CorpusMix.equal(texts))
    return replace(config, seed=seed)


def _random_mix(texts: Sequence[str], limits: Limits | None, seed: int) -> list[str]:
    """Draw a non-empty subset of the texts: each with probability 1/2, or with a size within the limits."""
    rng = random.Random(seed)
    if limits is not None:
        size = rng.randint(*limits)
        return sorted(rng.sample(list(texts), size), key=list(texts).index)
    while True:
        chosen = [text for text in texts if rng.random() < 0.5]
        if chosen:
            return chosen
