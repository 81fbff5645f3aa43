"""Estimand for random subsets: the effect of including a text while the others are included at random."""

from __future__ import annotations

from studies.analysis.effects import FEWEST_PAIRS, text_effects
from studies.analysis.estimands.kind import Estimand

SUBSET = Estimand(
    estimate=text_effects,
    rank=None,
    axis="change of the score when the text is included",
    caption="The effect of a text is the average change of the score ({score}) when the text is included, while each "
    "other text is included with probability one half, at the same number of training tokens.",
    doing="Training on {names}",
    joined="and",
    ranked_by="all trials, including pruned ones",
    block="pairs of randomized trials",
    fewest=FEWEST_PAIRS,
    interacts=True,
    of_subsets=True,
    is_inclusion=True,
)
