"""Subsets by coin flips: what including a text does, the others being in or out."""

from __future__ import annotations

from studies.analysis.effects import FEWEST_PAIRS, text_effects
from studies.analysis.estimands.kind import Estimand

SUBSET = Estimand(
    estimate=text_effects,
    rank=None,
    axis="change of the score when the text is included",
    caption="The effect of a text is the average change of the score ({score}) when the text is included, the "
    "other texts being in or out by a coin flip, at the same number of training tokens.",
    doing="Training on {names}",
    joined="and",
    ranked_by="all trials, pruned ones too",
    block="pairs of randomized trials",
    fewest=FEWEST_PAIRS,
    interacts=True,
    of_subsets=True,
    is_inclusion=True,
)
