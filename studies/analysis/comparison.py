"""Comparison of the best mix with baselines that need no search: all texts, and a random mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from optuna.trial import TrialState

from search.confirmation import ALL_TEXTS, BASE, RANDOM_MIX
from studies.analysis import CONFIDENCE
from studies.analysis.confirmation import by_role, confirmed, distinct_roles, gains_of, interval_of, pooled_spread
from studies.analysis.units import Unit
from studies.storage.stored import StoredStudy

Answer = Literal["same", "beats", "falls behind", "not shown"]
_SENTENCES: Mapping[Answer, str] = {
    "same": "The best mix is the same as {baseline}.",
    "beats": "The best mix beats {baseline} by {size}.",
    "falls behind": "The best mix falls behind {baseline} by {size}.",
    "not shown": "The best mix is not shown to beat {baseline}: {size}.",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of the best confirmed configuration with a baseline, on questions that the search never saw."""

    of: int
    """Number of the trial that has the best configuration."""
    baseline: str
    same: bool
    """Whether both have the same mix and the same settings."""
    difference: float
    """Mean over questions of the configuration's score minus the baseline's; higher is better."""
    low: float
    high: float
    """Ends of the 95% interval, which is valid whichever of the confirmed configurations is the best."""

    @property
    def verdict(self) -> Answer:
        """Which of the two is better, according to the interval."""
        if self.same:
            return "same"
        return "beats" if self.low > 0 else "falls behind" if self.high < 0 else "not shown"

    def sentence(self, unit: Unit) -> str:
        """Return the comparison as a sentence."""
        baseline = "a random mix" if self.baseline == RANDOM_MIX else self.baseline
        size = f"{unit.signed(self.difference)} ({unit.range(self.low, self.high, 'runs')})"
        return _SENTENCES[self.verdict].format(baseline=baseline, size=size)


def compared(study: StoredStudy) -> Iterator[Comparison]:
    """Compare the best configuration with each baseline that has complete runs.

    Differences are paired by question. Their variance is the sum of the variance between questions, clustered by
    passage, and the variance between the runs of each side. The error rate is divided by the number of configurations
    from which the best was selected (Bonferroni). The interval ignores that both sides share seeds, so it is
    conservative.
    """
    candidates = [row for row in confirmed(study) if row.of is not None]
    if not candidates or study.holdout is None:
        return
    best = max(candidates, key=lambda row: row.gain)
    roles = {
        role: complete
        for role, runs in by_role(study).items()
        if (complete := [run for run in runs if run.state is TrialState.COMPLETE])
    }
    base = roles[BASE][0]
    gains = {role: gains_of(runs, base) for role, runs in roles.items()}
    pooled = pooled_spread([gains[role] for role in distinct_roles(roles)], study.holdout)
    configurations = {role: {run.config.fingerprint for run in runs} for role, runs in roles.items()}
    for baseline in (ALL_TEXTS, RANDOM_MIX):
        if baseline not in roles or best.of is None:
            continue
        best_weight, baseline_weight = 1 / len(gains[best.role]), 1 / len(gains[baseline])
        variance, freedom = pooled
        spreads = [(variance * (best_weight + baseline_weight), freedom)]
        if baseline == RANDOM_MIX:  # its runs differ in their texts
            baseline_variance, baseline_freedom = pooled_spread([gains[baseline]], study.holdout)
            spreads = [(variance * best_weight, freedom), (baseline_variance * baseline_weight, baseline_freedom)]
        items = gains[best.role].mean(axis=0) - gains[baseline].mean(axis=0)
        level = (1 - CONFIDENCE) / len(candidates)
        same = configurations[best.role] == configurations[baseline]
        yield Comparison(best.of, baseline, same, *interval_of(items, study.holdout, spreads, level))
