"""What a study's effects are effects of, by the way in which its texts are searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from search.records import TrialRecord
from studies.rating.alone import FEWEST_TRIALS, effects_alone
from studies.rating.effects import FEWEST_PAIRS, TextEffect, text_effects
from studies.rating.weights import share_effects


@dataclass(frozen=True, slots=True)
class Estimand:
    """One kind of effect, in words and as what computes it."""

    estimate: Callable[[Iterable[TrialRecord], Sequence[str]], list[TextEffect]]
    axis: str
    """What an effect is, beside the figure."""
    caption: str
    """What an effect is, in a sentence."""
    doing: str
    """What makes the score better or worse."""
    block: str
    """What an effect rests on so many of."""
    fewest: int
    """Blocks that an interval needs."""


ESTIMANDS: Mapping[str, Estimand] = {
    "subset": Estimand(
        text_effects,
        "change of the score when the text is included",
        "The effect of a text is the average change of the score ({score}) when the text is included, the other texts "
        "being in or out by a coin flip, at the same number of training tokens.",
        "Training on",
        "pairs of randomised trials",
        FEWEST_PAIRS,
    ),
    "weights": Estimand(
        share_effects,
        "change of the score per 10 points of share",
        "The effect of a text is the average change of the score ({score}) when 10 points more of the training tokens "
        "are the text's and as many less the others', the same from each; shares are even over all mixes.",
        "More of",
        "pairs of randomised trials",
        FEWEST_PAIRS,
    ),
    "one": Estimand(
        effects_alone,
        "gain over the untouched base of training on the text alone",
        "The effect of a text is the average gain over the untouched base ({score}) of training on that text alone.",
        "Training on nothing but",
        "randomised trials of a text",
        FEWEST_TRIALS,
    ),
}
"""`space.texts.choose` to what is estimated."""
