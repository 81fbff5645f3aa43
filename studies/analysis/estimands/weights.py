"""Estimand for shares: the effect of a larger share of a text at the expense of the others."""

from __future__ import annotations

from functools import partial

from spaces import CorpusMix
from studies.analysis.effects import FEWEST_PAIRS
from studies.analysis.estimands.kind import Estimand
from studies.analysis.ranking import rank_by
from studies.analysis.weights import share_effects


def _share(mix: CorpusMix, text: str) -> float:
    return dict(mix.weights).get(text, 0.0)


WEIGHTS = Estimand(
    estimate=share_effects,
    rank=partial(rank_by, sum_to_zero=True),
    axis="change of the score per 10 points of share",
    caption="The effect of a text is the average change of the score ({score}) when the text's share of the training "
    "tokens grows by 10 points, taken equally from the other texts; all mixes are equally likely.",
    doing="More of {names} at the expense of the others",
    joined="or",
    ranked_by="the randomized trials",
    block="pairs of randomized trials",
    fewest=FEWEST_PAIRS,
    part=_share,
)
