"""Estimand for subsets of limited size: the effect of replacing another text."""

from __future__ import annotations

from studies.analysis.effects import FEWEST_PAIRS
from studies.analysis.estimands.kind import Estimand
from studies.analysis.weights import swap_effects

LIMITED = Estimand(
    estimate=swap_effects,
    rank=None,
    axis="change of the score when the text replaces another one",
    caption="The effect of a text is the average change of the score ({score}) when the text replaces "
    "another text of the mix, chosen at random, at the same number of texts and of training tokens.",
    doing="Replacing another text with {names}",
    joined="or",
    ranked_by="all trials, including pruned ones",
    block="pairs of randomized trials",
    fewest=FEWEST_PAIRS,
    of_subsets=True,
)
