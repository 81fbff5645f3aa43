"""How much the best configurations gain on questions that the search never saw, with an interval."""

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
from studies.spec import StudySpec
from studies.storage.stored import StoredStudy


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A role of the confirmation: a configuration that the search found, or what it must beat."""

    role: str
    of: int | None
    """The trial of the search that it repeats; None for a baseline."""
    texts: tuple[str, ...]
    runs: int
    """Finished ones."""
    failed: int
    score: float
    """Mean over the runs, on the holdout."""
    gain: float
    """Over the untouched base, on the same questions."""
    low: float
    high: float
    """Ends of the 95% interval of the gain; those of all configurations that the search found hold together."""
    accuracy: float | None
    """Share answered right, mean over the runs."""
    accuracy_stderr: float | None
    """Its standard error over the questions."""
    searched: float | None
    """Gain on the questions that the search saw: optimistic, because the trial was picked for it."""

    @property
    def beats_base(self) -> bool:
        """Whether the interval excludes zero, from above."""
        return self.low > 0


def runs_of(study: StoredStudy) -> list[Run]:
    """The runs that confirm a study as it is now; none where no questions were kept from the search."""
    if study.holdout is None or not study.spec.search.confirm.best:
        return []
    names = [text.name for text in study.texts]
    mixes = study.varies_texts
    return plan(study.records, names, study.spec.search.confirm, study.spec.seed, mixes=mixes, limits=study.limits)


def has_more(study: StoredStudy) -> bool:
    """Whether trials or confirming runs are still to come."""
    ended = study.ended(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    return len(ended) < study.spec.search.trials or bool(unconfirmed(study))


def unconfirmed(study: StoredStudy) -> set[str]:
    """Fingerprints of the confirming runs that are not complete."""
    complete = {record.config.fingerprint for record in study.confirmation if record.state is TrialState.COMPLETE}
    return {run.config.fingerprint for run in runs_of(study)} - complete


def confirming_runs(spec: StudySpec, prepared: Prepared) -> int:
    """How many runs will confirm a study, at most."""
    wanted = spec.search.confirm
    if prepared.holdout is None or not wanted.best:
        return 0
    texts = len(prepared.corpus.texts) if wanted.each_text else 0
    return 1 + wanted.seeds * (wanted.best + 2 + texts)


def confirmed(study: StoredStudy) -> list[Confirmed]:
    """Every role with finished runs, in the order of the search's scores, then the baselines.

    Gains are paired by question. Their variance has two parts: between questions, clustered by passage, after the
    mean over the runs of a role; and between the runs of a role, pooled over the roles (a random mix, whose runs
    differ in their texts, has its own), over the number of runs. The sum errs on the wide side, by the part that
    questions and runs share (Cameron, Gelbach and Miller, 2011, subtract it). Student's t with Satterthwaite's
    degrees of freedom; the error rate shared out among the configurations that the search found (Bonferroni).
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
    for role, found in gains.items():
        runs = finished[role]
        number = origins[role]
        spread = pooled_spread([found], study.holdout) if role == RANDOM_MIX else pooled
        level = (1 - CONFIDENCE) / (candidates if number is not None else 1)
        interval = _interval(found, study.holdout, spread, level) if role != BASE else (0.0, 0.0, 0.0)
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
    """The figures of a role; `origin`: the trial of the search that it repeats."""
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
    """Roles whose runs tell of the luck of a run: no random mix, and each run in one role only."""
    seen: set[str] = set()
    for role, runs in finished.items():
        configurations = {run.config.fingerprint for run in runs}
        if runs and role != RANDOM_MIX and not configurations & seen:
            seen |= configurations
            yield role


def by_role(study: StoredStudy) -> dict[str, list[TrialRecord]]:
    """The runs of the present plan that were begun, by role in the plan's order."""
    begun = {record.config.fingerprint: record for record in study.confirmation}  # the last attempt of each
    roles: dict[str, list[TrialRecord]] = {}
    for run in runs_of(study):
        record = begun.get(run.config.fingerprint)
        if record is not None:
            roles.setdefault(run.role, []).append(record)
    return roles


def gains_of(runs: Sequence[TrialRecord], base: TrialRecord) -> NDArray[np.float64]:
    """Gain of every run on every question, shape (runs, questions)."""
    before = np.asarray(base.rungs[-1].items)
    return np.array([np.asarray(run.rungs[-1].items) - before for run in runs])


def pooled_spread(roles: Sequence[NDArray[np.float64]], design: ItemWeights) -> tuple[float, int]:
    """Variance of a gain between runs of one role, and its degrees of freedom."""
    means = [np.array([design.mean(run) for run in runs]) for runs in roles]
    freedom = sum(len(role) - 1 for role in means)
    squares = sum(float(((role - role.mean()) ** 2).sum()) for role in means)
    return (squares / freedom if freedom else math.inf), freedom


def _interval(
    gains: NDArray[np.float64], design: ItemWeights, spread: tuple[float, int], level: float
) -> tuple[float, float, float]:
    """Mean gain and the ends of its interval; without two runs of any role nothing is known of their spread."""
    between, freedom = spread
    return interval_of(gains.mean(axis=0), design, [(between / len(gains), freedom)], level)


def interval_of(
    items: NDArray[np.float64], design: ItemWeights, runs: Sequence[tuple[float, int]], level: float
) -> tuple[float, float, float]:
    """Mean over questions and the ends of its interval.

    Args:
        items: one figure a question, the mean over runs, shape (questions,).
        design: how questions make up the mean.
        runs: variance that the luck of runs gives to it, and its degrees of freedom, for each kind of run.
        level: probability of missing the truth.
    """
    mean = design.mean(items)
    if not all(freedom for _, freedom in runs):
        return mean, -math.inf, math.inf
    parts = [design.variance(items), *runs]
    total = math.fsum(variance for variance, _ in parts)
    if total == 0:
        return mean, mean, mean
    satterthwaite = total**2 / math.fsum(variance**2 / freedom for variance, freedom in parts)
    from scipy.stats import t as student  # takes half a second, which `mixtune status` need not wait

    half = float(student.ppf(1 - level / 2, satterthwaite)) * math.sqrt(total)
    return mean, mean - half, mean + half


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
