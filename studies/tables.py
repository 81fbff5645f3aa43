"""A study as tables: the rating of its texts, and its trials."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import Any

import pandas as pd
from optuna.trial import TrialState

from search.records import TrialRecord
from studies.confirmation import Confirmed, confirmed
from studies.effects import TextEffect, text_effects
from studies.store import StoredStudy

RATING = "text_score_map.csv"
TRIALS = "trials.csv"
CONFIRMATION = "confirmation.csv"


def rate_texts(study: StoredStudy) -> list[TextEffect]:
    """The effect of every text of a study, most helpful first."""
    return text_effects(study.records, [text.name for text in study.texts])


def rating_table(study: StoredStudy, effects: list[TextEffect]) -> pd.DataFrame:
    """One row a text, most helpful first.

    Columns: text, group, pages (of 500 words), tokens, effect (change of the score when the text is included),
    low and high (ends of the joint 95% interval), verdict, pairs (of randomised trials), method, times_read (mean
    over the trials that had it in their mix), questions_found (benchmark questions that stand in it).
    """
    read = times_read(study)
    texts = {text.name: text for text in study.texts}
    rows = [
        {
            "text": effect.text,
            "group": texts[effect.text].group,
            "pages": round(texts[effect.text].pages, 1),
            "tokens": texts[effect.text].tokens,
            "effect": effect.effect,
            "low": effect.low,
            "high": effect.high,
            "verdict": effect.verdict,
            "pairs": effect.pairs,
            "method": effect.method,
            "times_read": read[effect.text],
            "questions_found": texts[effect.text].found,
        }
        for effect in effects
    ]
    return pd.DataFrame(rows)


def times_read(study: StoredStudy) -> dict[str, float]:
    """How often each text was read by a trial that had it in its mix, the mean over those trials; nan for none."""
    read: dict[str, list[float]] = {text.name: [] for text in study.texts}
    tokens = {text.name: text.tokens for text in study.texts}
    for record in study.records:
        for name, share in record.config.stages[0].mix.weights:
            if record.rungs and tokens.get(name):
                read[name].append(share * record.rungs[-1].tokens / tokens[name])
    return {name: sum(times) / len(times) if times else math.nan for name, times in read.items()}


def confirmation_table(study: StoredStudy) -> pd.DataFrame:
    """One row a role of the confirmation; see `studies.confirmation.Confirmed` for the columns."""
    columns = [field.name for field in fields(Confirmed)]
    return pd.DataFrame([{**asdict(row), "texts": " ".join(row.texts)} for row in confirmed(study)], columns=columns)


def trials_table(study: StoredStudy) -> pd.DataFrame:
    """One row a trial.

    Columns: trial, arm, pair, state, score (at the full budget), last_score and tokens (at the last rung), gain
    (last_score minus the base's) with its paired standard error, one column of 0 and 1 for every text, one for every
    hyperparameter, the qualities of the last rung, seconds in all and by phase, error.
    """
    return pd.DataFrame([_row(study, record) for record in study.records])


def _row(study: StoredStudy, record: TrialRecord) -> dict[str, Any]:
    last = record.rungs[-1] if record.rungs else None
    stage = record.config.stages[0]
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
    row |= {f"text:{text.name}": int(text.name in record.texts) for text in study.texts}
    row |= {
        "rank": stage.tuning.rank,
        "alpha": stage.tuning.alpha,
        "dropout": stage.tuning.dropout,
        "targets": "+".join(stage.tuning.targets),
        "frozen": " ".join(str(span) for span in stage.frozen),
        "learning_rate": stage.learning_rate,
        "seed": record.config.seed,
    }
    row |= dict(sorted(last.qualities.items())) if last else {}
    row |= {f"seconds_{phase}": seconds for phase, seconds in phase_seconds(record).items()}
    return row | {"seconds": record.seconds, "error": record.error}


def phase_seconds(record: TrialRecord) -> dict[str, float]:
    """Seconds of a trial by phase, over all its rungs."""
    total: dict[str, float] = {}
    for rung in record.rungs:
        for phase, seconds in rung.seconds.items():
            total[phase] = total.get(phase, 0.0) + seconds
    return total


def counts(study: StoredStudy) -> dict[str, int]:
    """Number of trials by state, in words."""
    words = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "under way",
    }
    return {word: len(study.ended(state)) for state, word in words.items()}
