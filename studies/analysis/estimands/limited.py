"""Subsets of a limited size: what a text does in the place of another."""

from __future__ import annotations

from studies.analysis.effects import FEWEST_PAIRS
from studies.analysis.estimands.kind import Estimand
from studies.analysis.weights import swap_effects

LIMITED = Estimand(
    estimate=swap_effects,
    rank=None,
    axis="change of the score when it takes another text's place",
    caption="The effect of a text is the average change of the score ({score}) when the text takes the place of "
    "another one in the mix, whichever, at the same number of texts and of training tokens.",
    doing="{names} in the place of another text",
    joined="or",
    ranked_by="all trials, pruned ones too",
    block="pairs of randomized trials",
    fewest=FEWEST_PAIRS,
    of_subsets=True,
)
