"""The effect of every text as training goes on: at each rung, with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from search.storage.records import TrialRecord
from studies.analysis.effects import TextEffect
from studies.analysis.rating import Rating
from studies.storage.stored import StoredStudy


def curves(study: StoredStudy, rating: Rating) -> Mapping[int, list[TextEffect]]:
    """Training tokens, cumulative, to the effects of all texts there; empty where there is no second rung to compare.

    The same trials at every rung, complete randomized ones, which nothing stops early: so the last rung has the
    headline's effects, and a curve moves because the texts act, not because other trials are counted.
    """
    rungs = [record.rungs for record in study.records if record.randomized]
    longest = max(rungs, key=len, default=())
    if len(longest) < 2 or not study.rates_texts:
        return {}
    texts = [text.name for text in study.texts]
    last = len(longest) - 1
    found = {
        rung.tokens: rating.estimand.estimate(study.records, texts, partial(_score_at, at))
        for at, rung in enumerate(longest[:last])
    }
    return {**found, longest[last].tokens: rating.effects}


def _score_at(rung: int, record: TrialRecord) -> float | None:
    return record.rungs[rung].score if rung < len(record.rungs) else None
