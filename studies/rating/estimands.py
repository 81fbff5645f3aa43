"""What a study's effects are effects of, by the way in which its texts are searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from studies.rating.alone import FEWEST_TRIALS, effects_alone
from studies.rating.effects import FEWEST_PAIRS, Estimator, TextEffect, text_effects
from studies.rating.ranking import Ranked, rank_by
from studies.rating.weights import share_effects, swap_effects


@dataclass(frozen=True, slots=True)
class Estimand:
    """One kind of effect, in words and as what computes it."""

    estimate: Estimator
    rank: Callable[[Sequence[TextEffect]], list[Ranked]] | None
    """From effects alone; None where all trials tell."""
    axis: str
    """What an effect is, beside the figure."""
    caption: str
    """What an effect is, in a sentence."""
    doing: str
    """What makes the score better or worse, with the names of texts in their place."""
    joined: str
    """What joins the names of texts that were trained on together, or each by itself."""
    ranked_by: str
    """What the ranking rests on."""
    block: str
    """What an effect rests on so many of."""
    fewest: int
    """Blocks that an interval needs."""


ESTIMANDS: Mapping[str, Estimand] = {
    "subset": Estimand(
        estimate=text_effects,
        rank=None,
        axis="change of the score when the text is included",
        caption="The effect of a text is the average change of the score ({score}) when the text is included, the "
        "other texts being in or out by a coin flip, at the same number of training tokens.",
        doing="Training on {names}",
        joined="and",
        ranked_by="all trials, pruned ones too",
        block="pairs of randomised trials",
        fewest=FEWEST_PAIRS,
    ),
    "limited": Estimand(
        estimate=swap_effects,
        rank=None,
        axis="change of the score when it takes another text's place",
        caption="The effect of a text is the average change of the score ({score}) when the text takes the place of "
        "another one in the mix, whichever, at the same number of texts and of training tokens.",
        doing="{names} in the place of another text",
        joined="or",
        ranked_by="all trials, pruned ones too",
        block="pairs of randomised trials",
        fewest=FEWEST_PAIRS,
    ),
    "weights": Estimand(
        estimate=share_effects,
        rank=partial(rank_by, sum_to_nothing=True),
        axis="change of the score per 10 points of share",
        caption="The effect of a text is the average change of the score ({score}) when 10 points more of the training "
        "tokens are the text's and as many less the others', the same from each; shares are even over all mixes.",
        doing="More of {names} at the cost of the others",
        joined="or",
        ranked_by="the randomised trials",
        block="pairs of randomised trials",
        fewest=FEWEST_PAIRS,
    ),
    "one": Estimand(
        estimate=effects_alone,
        rank=rank_by,
        axis="gain over the untouched base of training on the text alone",
        caption="The effect of a text is the average gain over the untouched base ({score}) of training on that text "
        "alone.",
        doing="Training on nothing but {names}",
        joined="or",
        ranked_by="the randomised trials",
        block="randomised trials of a text",
        fewest=FEWEST_TRIALS,
    ),
}
"""`space.texts.choose` to what is estimated."""
