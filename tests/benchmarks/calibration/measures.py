"""One study against the truth: what is right, what is wrong, and what others make of the same trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from optuna.trial import FrozenTrial
from scipy.stats import spearmanr

from search.storage.records import TrialRecord
from studies.analysis.effects import TextEffect
from studies.analysis.estimands import ESTIMANDS
from studies.analysis.interactions import interactions
from studies.analysis.power import power
from studies.analysis.ranking import TOP, rank_texts
from tests.benchmarks.calibration.peers import SIGNED, UNSIGNED, Values, importances
from tests.benchmarks.calibration.readings import read_often
from tests.benchmarks.calibration.trials import Settings, study_of
from tests.benchmarks.calibration.worlds import World, strength

_ZERO = 1e-9


@dataclass(frozen=True)
class Measured:
    """Figures on how right a study was; every row has the family, the number of trials and the origin of settings."""

    studies: list[dict[str, object]]
    """One row a study."""
    top: list[dict[str, object]]
    """One row a text: its probability of being among the best, and whether it is."""
    ranks: list[dict[str, object]]
    """One row an estimator: its rank correlation with the truth, signed, and in size."""
    readings: list[dict[str, object]] = field(default_factory=list)
    """One row a study that was read after every block of randomized trials."""

    @classmethod
    def together(cls, parts: Sequence[Measured]) -> Measured:
        return cls(
            [row for part in parts for row in part.studies],
            [row for part in parts for row in part.top],
            [row for part in parts for row in part.ranks],
            [row for part in parts for row in part.readings],
        )


@dataclass(frozen=True)
class Case:
    """A study to run, and at which numbers of trials to look at it."""

    world: World
    seed: int
    sizes: tuple[int, ...]
    settings: Settings = "held"
    peers: bool = True
    """Whether others rank the texts, too."""


def measure(case: Case) -> Measured:
    """Run the largest study and look at its beginnings: a smaller one of the same seed would have been the same."""
    study, records = study_of(case.world, max(case.sizes), case.seed, settings=case.settings)
    trials = study.get_trials(deepcopy=False)
    found = [_at(case, trials[:size], records[:size], size) for size in case.sizes]
    measured = Measured.together(found)
    if not case.peers:
        return measured
    return replace(measured, readings=[{"family": case.world.family, **read_often(case.world, records)}])


def _at(case: Case, trials: Sequence[FrozenTrial], records: Sequence[TrialRecord], size: int) -> Measured:
    world = case.world
    shown = float(np.mean([strength(float(r.params["learning_rate"])) for r in records if r.randomized]))
    truth = dict(zip(world.texts, (world.effects * shown).tolist(), strict=True))
    about = {"family": world.family, "trials": size, "settings": case.settings}
    estimand = ESTIMANDS[world.choose]
    effects = estimand.estimate(records, world.texts, None)
    row = {**about, **_effects(effects, truth), **_interactions(records, world, shown)}
    if not case.peers:
        return Measured([row], [], [])
    best = sorted(truth, key=lambda text: -truth[text])[:TOP]
    ranked = estimand.rank(effects) if estimand.rank is not None else rank_texts(records, world.texts)
    top = [{**about, "said": rank.top, "is": rank.text in best} for rank in ranked]
    if world.choose != "subset":
        return Measured([row], top, [])
    ranks = [{**about, **rank} for rank in _ranks(trials, records, world.texts, np.array(list(truth.values())))]
    return Measured([row], top if any(truth.values()) else [], ranks)


def _effects(effects: Sequence[TextEffect], truth: dict[str, float]) -> dict[str, object]:
    true = np.array([truth[effect.text] for effect in effects])
    said = np.array([effect.effect for effect in effects])
    decided = np.array([effect.verdict != "no evidence yet" for effect in effects])
    wrong = decided & ((np.sign(said) != np.sign(true)) | (np.abs(true) < _ZERO))
    smallest = power(effects).smallest
    near = (np.abs(true) > 0.85 * smallest) & (np.abs(true) < 1.15 * smallest)
    return {
        "covered": float(np.mean([e.low <= t <= e.high for e, t in zip(effects, true, strict=True)])),
        "width": float(np.mean([effect.high - effect.low for effect in effects])),
        "relative width": float(np.mean([effect.high - effect.low for effect in effects]) / (true.std() or 1)),
        "error": float(np.sqrt(np.mean((said - true) ** 2)) / (true.std() or 1)),
        "decided": float(decided.mean()),
        "wrong": float(wrong.mean()),
        "any wrong": bool(wrong.any()),
        "sign errors": float((decided & (said * true < -_ZERO)).mean()),
        "near": int(near.sum()),
        "near decided": int((near & decided).sum()),
    }


def _interactions(records: Sequence[TrialRecord], world: World, shown: float) -> dict[str, object]:
    index = {text: i for i, text in enumerate(world.texts)}
    true = world.interactions * shown
    found = interactions(records, world.texts) if world.choose == "subset" else []
    truths = [float(true[index[one.texts[0]], index[one.texts[1]]]) for one in found]
    ends = [one.estimate.interval() for one in found]
    covered = [low - _ZERO <= t <= high + _ZERO for (low, high), t in zip(ends, truths, strict=True)]
    out = [truth for one, truth in zip(found, truths, strict=True) if one.stands_out]
    return {
        "pairs covered": float(np.mean(covered)) if covered else np.nan,
        "pairs out": len(out),
        "pairs false": sum(abs(truth) < _ZERO for truth in out),
    }


def _ranks(
    trials: Sequence[FrozenTrial], records: Sequence[TrialRecord], texts: Sequence[str], truth: Values
) -> list[dict[str, object]]:
    if not truth.any():
        return []
    signed = {name: estimate(records, texts) for name, estimate in SIGNED.items()}
    rows: list[dict[str, object]] = [
        {"estimator": name, "signed": _rank(values, truth), "size": _rank(np.abs(values), np.abs(truth))}
        for name, values in signed.items()
    ]
    for name in UNSIGNED:
        values = importances(name, trials, texts)
        rows.append({"estimator": name, "signed": np.nan, "size": _rank(values, np.abs(truth))})
    return rows


def _rank(values: Values, truth: Values) -> float:
    """Spearman's correlation; 0 for an estimator that says the same of all texts."""
    return float(spearmanr(values, truth)[0]) if np.ptp(values) > 0 else 0.0
