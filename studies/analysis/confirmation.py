"""Gain of the best configurations on questions that the search never saw, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState

from objectives.base import Prepared
from objectives.questions import ItemWeights
from search.confirmation import BASE, RANDOM_MIX, Run, plan
from search.storage.records import TrialRecord
from studies.analysis import CONFIDENCE
from studies.analysis.stopping import stopped_early
from studies.spec import StudySpec
from studies.storage.stored import StoredStudy


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Results of one role of the confirmation: a configuration from the search, or a baseline."""

    role: str
    of: int | None
    """Number of the trial that the runs repeat; None for a baseline."""
    texts: tuple[str, ...]
    runs: int
    """Number of complete runs."""
    failed: int
    score: float
    """Mean score of the runs on the holdout questions."""
    gain: float
    """Mean gain over the untouched base, on the same questions."""
    low: float
    high: float
    """Ends of the gain's 95% interval; the intervals of all configurations from the search hold simultaneously."""
    accuracy: float | None
    """Share of questions answered correctly, mean over the runs, in [0, 1]."""
    accuracy_stderr: float | None
    """Standard error of the accuracy over the questions."""
    searched: float | None
    """Gain on the search's own questions: optimistic, because the trial was selected by this gain."""

    @property
    def beats_base(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low > 0


def runs_of(study: StoredStudy) -> list[Run]:
    """Return the runs that confirm the study in its current state; none if no questions are held out."""
    if study.holdout is None or not study.spec.search.confirm.best:
        return []
    confirm, seed = study.spec.search.confirm, study.spec.seed
    return plan(study.records, study.present, confirm, seed, mixes=study.varies_texts, limits=study.limits)


def has_more(study: StoredStudy) -> bool:
    """Whether trials or confirmation runs remain."""
    ended = study.ended(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    all_ended = len(ended) >= study.spec.search.trials or stopped_early(study)
    return not all_ended or bool(unconfirmed(study))


def unconfirmed(study: StoredStudy) -> set[str]:
    """Return the fingerprints of the confirmation runs that are not complete."""
    complete = {record.config.fingerprint for record in study.confirmation if record.state is TrialState.COMPLETE}
    return {run.config.fingerprint for run in runs_of(study)} - complete


def confirming_runs(spec: StudySpec, prepared: Prepared) -> int:
    """Return the maximum number of confirmation runs of a study."""
    confirm = spec.search.confirm
    if prepared.holdout is None or not confirm.best:
        return 0
    texts = len(prepared.corpus.texts) if confirm.each_text else 0
    return 1 + confirm.seeds * (confirm.best + 2 + texts)


def confirmed(study: StoredStudy) -> list[Confirmed]:
    """Return every role with complete runs: configurations in the order of their search scores, then baselines.

    Gains are paired by question. Their variance has two parts: the variance between questions, clustered by passage,
    of the mean over a role's runs; and the variance between the runs of a role, divided by their number. The latter is
    pooled over the roles, except for the random mix, whose runs differ in their texts. The sum is conservative by the
    part that questions and runs share (Cameron, Gelbach and Miller, 2011, subtract it). Intervals use Student's t with
    Satterthwaite's degrees of freedom; the error rate is divided by the number of configurations from the search
    (Bonferroni).
    """
    roles = by_role(study)
    base = next((run for run in roles.get(BASE, []) if run.state is TrialState.COMPLETE), None)
    if base is None or study.holdout is None:
        return []
    finished = {role: [run for run in runs if run.state is TrialState.COMPLETE] for role, runs in roles.items()}
    gains = {role: gains_of(runs, base) for role, runs in finished.items() if runs}
    pooled = pooled_spread([gains[role] for role in distinct_roles(finished)], study.holdout)
    searched = {record.number: record for record in study.records}
    origins = {run.role: run.of for run in runs_of(study)}
    candidates = sum(origins[role] is not None for role in gains)
    rows = []
    for role, role_gains in gains.items():
        runs = finished[role]
        number = origins[role]
        spread = pooled_spread([role_gains], study.holdout) if role == RANDOM_MIX else pooled
        level = (1 - CONFIDENCE) / (candidates if number is not None else 1)
        interval = _interval(role_gains, study.holdout, spread, level) if role != BASE else (0.0, 0.0, 0.0)
        failed = sum(run.state is TrialState.FAIL for run in roles[role])
        rows.append(_row(role, runs, failed, interval, searched[number] if number is not None else None))
    return rows


def _row(
    role: str,
    runs: Sequence[TrialRecord],
    failed: int,
    interval: tuple[float, float, float],
    origin: TrialRecord | None,
) -> Confirmed:
    """Return the results of a role; `origin`: the trial of the search that the runs repeat."""
    gain, low, high = interval
    last = [run.rungs[-1] for run in runs]
    return Confirmed(
        role=role,
        of=origin.number if origin is not None else None,
        texts=runs[0].texts,
        runs=len(runs),
        failed=failed,
        score=float(np.mean([rung.score for rung in last])),
        gain=gain,
        low=low,
        high=high,
        accuracy=_mean([rung.qualities.get("accuracy") for rung in last]),
        accuracy_stderr=_mean([rung.qualities.get("accuracy_stderr") for rung in last]),
        searched=origin.rungs[-1].gain if origin is not None else None,
    )


def distinct_roles(finished: Mapping[str, Sequence[TrialRecord]]) -> Iterator[str]:
    """Yield the roles from which run-to-run variance is estimated: no random mix, and no run counted twice."""
    counted: set[str] = set()
    for role, runs in finished.items():
        configurations = {run.config.fingerprint for run in runs}
        if runs and role != RANDOM_MIX and not configurations & counted:
            counted |= configurations
            yield role


def by_role(study: StoredStudy) -> dict[str, list[TrialRecord]]:
    """Return the started runs of the current plan by role, in the plan's order."""
    latest = {record.config.fingerprint: record for record in study.confirmation}  # last attempt per run
    roles: dict[str, list[TrialRecord]] = {}
    for run in runs_of(study):
        record = latest.get(run.config.fingerprint)
        if record is not None:
            roles.setdefault(run.role, []).append(record)
    return roles


def gains_of(runs: Sequence[TrialRecord], base: TrialRecord) -> NDArray[np.float64]:
    """Return the gain of every run on every question, shape (runs, questions)."""
    before = np.asarray(base.rungs[-1].items)
    return np.array([np.asarray(run.rungs[-1].items) - before for run in runs])


def pooled_spread(roles: Sequence[NDArray[np.float64]], design: ItemWeights) -> tuple[float, int]:
    """Return the variance of a gain between runs of one role, and its degrees of freedom."""
    means = [np.array([design.mean(run) for run in runs]) for runs in roles]
    freedom = sum(len(role) - 1 for role in means)
    squares = sum(float(((role - role.mean()) ** 2).sum()) for role in means)
    return (squares / freedom if freedom else math.inf), freedom


def _interval(
    gains: NDArray[np.float64], design: ItemWeights, spread: tuple[float, int], level: float
) -> tuple[float, float, float]:
    """Return the mean gain and the ends of its interval, which is infinite unless some role has two runs."""
    between, freedom = spread
    return interval_of(gains.mean(axis=0), design, [(between / len(gains), freedom)], level)


def interval_of(
    items: NDArray[np.float64], design: ItemWeights, runs: Sequence[tuple[float, int]], level: float
) -> tuple[float, float, float]:
    """Return the mean over questions and the ends of its interval.

    Args:
        items: one value per question, the mean over runs, shape (questions,).
        design: weights of the questions in the mean.
        runs: variance of the mean due to run-to-run differences, and its degrees of freedom, per kind of run.
        level: probability that the interval misses the true value.
    """
    mean = design.mean(items)
    if not all(freedom for _, freedom in runs):
        return mean, -math.inf, math.inf
    parts = [design.variance(items), *runs]
    total = math.fsum(variance for variance, _ in parts)
    if total == 0:
        return mean, mean, mean
    satterthwaite = total**2 / math.fsum(variance**2 / freedom for variance, freedom in parts)
    from scipy.stats import t as student  # slow import (half a second), not needed by `mixtune status`

    half = float(student.ppf(1 - level / 2, satterthwaite)) * math.sqrt(total)
    return mean, mean - half, mean + half


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if len(present) == len(values) else None
