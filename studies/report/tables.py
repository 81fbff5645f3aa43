"""Tables of a study: the rating of its texts, and its trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd
from optuna.trial import TrialState

from search.storage.records import Arm, TrialRecord
from spaces import Stage
from spaces.methods import METHODS
from spaces.repetition import as_read
from studies.analysis.confirmation import Confirmed
from studies.analysis.effects import TextEffect
from studies.analysis.estimands import estimand_of
from studies.analysis.ranking import TOP
from studies.analysis.rating import Rating
from studies.analysis.settings import Importance
from studies.report.rating_words import trials_to_decide
from studies.report.standing import counts
from studies.storage.stored import StoredStudy

RATING = "text_score_map.csv"
TRIALS = "trials.csv"
CONFIRMATION = "confirmation.csv"
QUALITIES = "qualities.csv"
INTERACTIONS = "interactions.csv"
CURVES = "curves.csv"
_COLUMNS = ["trial", "arm", "pair", "state", "score", "last_score", "stderr", "tokens", "gain", "gain_stderr"]
"""Columns of the trials that a study without any has."""
_QUALITY_COLUMNS = [
    *("quality", "text", "effect", "low", "high", "low_anytime", "high_anytime", "adjusted_p", "adjusted_p_anytime"),
    "verdict",
]


def rating_table(study: StoredStudy, rating: Rating) -> pd.DataFrame:
    """Return one row per text, most helpful first; `docs/report.md` describes the columns."""
    read, needed = times_read(study), trials_to_decide(study, rating)
    texts = {text.name: text for text in study.texts}
    singles = [record for record in study.ended(TrialState.COMPLETE) if record.single and record.rungs]
    alone = {record.single: record.rungs[-1].gain for record in singles}
    rows = []
    for effect in rating.effects:
        text, ranked = texts[effect.text], rating.ranking.get(effect.text)
        row = {
            "text": effect.text,
            "group": text.group,
            "pages": round(text.pages, 1),
            "tokens": text.tokens,
            "effect": effect.effect,
            "low": effect.low,
            "high": effect.high,
            "low_anytime": effect.low_anytime,
            "high_anytime": effect.high_anytime,
            "stderr": effect.estimate.stderr,
            "adjusted_p": effect.adjusted,
            "adjusted_p_anytime": effect.adjusted_anytime,
            "verdict": effect.verdict,
            "trials": rating.estimand.trials * effect.blocks,
            "method": effect.method,
            "ranked_effect": ranked.effect if ranked else math.nan,
            "ranked_spread": ranked.spread if ranked else math.nan,
            f"top_{TOP}": ranked.top if ranked else math.nan,
            "trials_to_decide": needed.get(effect.text) or math.nan,
            "times_read": read[effect.text],
            "gain_alone": alone.get(effect.text, math.nan),
            "questions_found": text.found,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def ranking_table(rating: Rating) -> pd.DataFrame:
    """One row for each ranked text, the best first; empty if there are too few trials."""
    rows = [[each.text, each.effect, each.spread, each.top] for each in rating.ranking.values()]
    return pd.DataFrame(rows, columns=["text", "effect", "spread", "top"])


def settings_table(importances: Sequence[Importance]) -> pd.DataFrame:
    """One row for each searched setting, the most important first."""
    rows = [[each.name, each.share, each.low, each.high] for each in importances]
    return pd.DataFrame(rows, columns=["setting", "share", "low", "high"])


def quality_table(rating: Rating) -> pd.DataFrame:
    """Return one row per text and quality: the effect, as a gain, with both its intervals."""
    rows = [
        {
            "quality": quality,
            "text": effect.text,
            "effect": effect.effect,
            "low": effect.low,
            "high": effect.high,
            "low_anytime": effect.low_anytime,
            "high_anytime": effect.high_anytime,
            "adjusted_p": effect.adjusted,
            "adjusted_p_anytime": effect.adjusted_anytime,
            "verdict": effect.verdict,
        }
        for quality, effects in rating.qualities.items()
        for effect in effects
    ]
    return pd.DataFrame(rows, columns=_QUALITY_COLUMNS)


def interaction_table(rating: Rating) -> pd.DataFrame:
    """Return one row per pair of texts, largest interaction first, with its 95% interval."""
    columns = ["first", "second", "interaction", "low", "high", "adjusted_p", "stands_out"]
    rows = [
        [*pair.texts, pair.estimate.value, *pair.estimate.interval(), pair.adjusted, pair.stands_out]
        for pair in rating.interactions
    ]
    return pd.DataFrame(rows, columns=columns)


def curve_table(by_tokens: Mapping[int, Sequence[TextEffect]]) -> pd.DataFrame:
    """Return one row per text and rung: the effect at that number of training tokens, with its 95% interval."""
    columns = ["text", "tokens", "effect", "low", "high"]
    rows = [[e.text, tokens, e.effect, e.low, e.high] for tokens, effects in by_tokens.items() for e in effects]
    return pd.DataFrame(rows, columns=columns)


def times_read(study: StoredStudy) -> dict[str, float]:
    """Return how often each text was read, the mean over trials that had the text in their mix; nan if none had."""
    read: dict[str, list[float]] = {text.name: [] for text in study.texts}
    tokens = {text.name: text.tokens for text in study.texts}
    for record in study.records:
        for name, tokens_read in _read(record, tokens).items():
            if tokens.get(name):
                read[name].append(tokens_read / tokens[name])
    return {name: sum(times) / len(times) if times else math.nan for name, times in read.items()}


def _read(record: TrialRecord, tokens: Mapping[str, int]) -> dict[str, float]:
    """Return the tokens of each text that a trial has read up to its last rung; `tokens`: lengths of the texts."""
    left = record.rungs[-1].tokens if record.rungs else 0
    read: dict[str, float] = {}
    for stage in as_read(record.config, tokens):
        done = min(left, stage.budget)
        left -= done
        for name, share in stage.mix.weights if done else ():
            read[name] = read.get(name, 0.0) + share * done
    return read


def confirmation_table(rows: Sequence[Confirmed]) -> pd.DataFrame:
    """Return one row per role of the confirmation; the columns are the fields of `Confirmed`."""
    columns = [field.name for field in fields(Confirmed)]
    return pd.DataFrame([{**asdict(row), "texts": " ".join(row.texts)} for row in rows], columns=columns)


def trials_table(study: StoredStudy) -> pd.DataFrame:
    """Return one row per trial; `docs/report.md` describes the columns."""
    if not study.records:
        return pd.DataFrame(columns=_COLUMNS)
    return pd.DataFrame([_row(study, record) for record in study.records])


def _row(study: StoredStudy, record: TrialRecord) -> dict[str, Any]:
    last = record.rungs[-1] if record.rungs else None
    row: dict[str, Any] = {
        "trial": record.number,
        "arm": record.arm,
        "pair": record.pair,
        "state": record.state.name.lower(),
        "score": record.score,
        "last_score": last.score if last else None,
        "stderr": last.stderr if last else None,
        "tokens": last.tokens if last else 0,
        "gain": last.gain if last else None,
        "gain_stderr": last.gain_stderr if last else None,
    }
    part = estimand_of(study).part
    row |= {f"text:{text.name}": part(record.config.mix, text.name) for text in study.texts}
    several = len(record.config.stages) > 1
    if several:
        row["stages"] = " > ".join(stage.name for stage in record.config.stages)
    for stage in record.config.stages:
        if several:
            own = " ".join(stage.mix.names) if stage.own_mix else ""
            row |= {f"{stage.name}.texts": own, f"{stage.name}.tokens": stage.budget}
        row |= {f"{stage.name}.{name}" if several else name: value for name, value in _settings(stage).items()}
    row["seed"] = record.config.seed
    for name, value in sorted(last.qualities.items()) if last else ():
        row[f"quality.{name}" if name in row else name] = value
    row |= {f"seconds_{phase}": seconds for phase, seconds in phase_seconds(record).items()}
    return row | {"seconds": record.seconds, "error": record.error}


def _settings(stage: Stage) -> dict[str, Any]:
    """Return the settings of a stage; settings that the method does not have are empty."""
    tuning = stage.tuning
    low_rank = METHODS[tuning.method].low_rank
    return {
        "method": tuning.method,
        "rank": tuning.rank if low_rank else None,
        "alpha": tuning.alpha if low_rank else None,
        "dropout": tuning.dropout if low_rank else None,
        "targets": "+".join(tuning.targets),
        "frozen": " ".join(str(span) for span in stage.frozen),
        "learning_rate": stage.learning_rate,
    }


def phase_seconds(record: TrialRecord) -> dict[str, float]:
    """Return the seconds of a trial by phase, summed over its rungs."""
    total: dict[str, float] = {}
    for rung in record.rungs:
        for phase, seconds in rung.seconds.items():
            total[phase] = total.get(phase, 0.0) + seconds
    return total


def arms_table(study: StoredStudy) -> list[tuple[str, dict[str, int]]]:
    """Return the number of trials by arm and state, in words."""
    arms = {Arm.RANDOMIZED: "random texts", Arm.GUIDED: "texts chosen by the sampler"}
    return [(words, counts([r for r in study.records if r.arm == arm])) for arm, words in arms.items()]
