"""Estimand for single texts: the gain over the untouched base of training on one text alone."""

from __future__ import annotations

from collections.abc import Sequence

from search.storage.records import TrialRecord
from studies.analysis.alone import FEWEST_TRIALS, effects_alone
from studies.analysis.estimands.kind import Estimand
from studies.analysis.ranking import rank_by


def _lost(failed: Sequence[TrialRecord]) -> str:
    counted = f"{len(failed)} randomized trial{'s are' if len(failed) > 1 else ' is'}"
    return f"{counted} left out of the rating, because {'they' if len(failed) > 1 else 'it'} failed."


ONE = Estimand(
    estimate=effects_alone,
    rank=rank_by,
    axis="gain over the untouched base when training on the text alone",
    caption="The effect of a text is the average gain over the untouched base ({score}) when training on that text "
    "alone.",
    doing="Training only on {names}",
    joined="or",
    ranked_by="the randomized trials",
    block="randomized trials of a text",
    fewest=FEWEST_TRIALS,
    trials=1,
    alone=True,
    lost=_lost,
)
