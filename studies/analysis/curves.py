"""Effect of every text over the course of training: at each rung, with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from search.storage.records import TrialRecord
from studies.analysis.effects import TextEffect
from studies.analysis.rating import Rating
from studies.storage.stored import StoredStudy


def curves(study: StoredStudy, rating: Rating) -> Mapping[int, list[TextEffect]]:
    """Map training tokens (cumulative) to the effects of all texts at that rung; empty with fewer than two rungs.

    Every rung uses the same trials: complete randomized ones, which are never pruned. So the effects at the last rung
    are the headline effects, and changes along a curve do not come from a change of trials.
    """
    rungs = [record.rungs for record in study.records if record.randomized]
    longest = max(rungs, key=len, default=())
    if len(longest) < 2 or not study.rates_texts:
        return {}
    last = len(longest) - 1
    earlier = {
        rung.tokens: rating.estimand.estimate(study.records, study.present, partial(_score_at, at))
        for at, rung in enumerate(longest[:last])
    }
    return {**earlier, longest[last].tokens: rating.effects}


def _score_at(rung: int, record: TrialRecord) -> float | None:
    return record.rungs[rung].score if rung < len(record.rungs) else None
