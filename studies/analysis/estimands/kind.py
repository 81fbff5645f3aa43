"""What the rest of the program asks of a kind of effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search.storage.records import TrialRecord
from spaces import CorpusMix
from studies.analysis.effects import Estimator, TextEffect
from studies.analysis.ranking import Ranked


def membership(mix: CorpusMix, text: str) -> float:
    """1 where a text is in a mix, else 0."""
    return int(text in mix.names)


def lost_pairs(failed: Sequence[TrialRecord]) -> str:
    """Says what failed trials take from a rating whose blocks are pairs; `failed`: randomized ones, one at least."""
    lost = len({record.pair for record in failed})
    counted = "1 pair of randomized trials is" if lost == 1 else f"{lost} pairs of randomized trials are"
    return f"{counted} left out of the rating, because a trial failed."


@dataclass(frozen=True, slots=True)
class Estimand:
    """One kind of effect: what computes it, and what is said of it."""

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
    trials: int = 2
    """Randomized trials of a block that an effect rests on."""
    interacts: bool = False
    """Whether the effects of two texts on each other can be told."""
    of_subsets: bool = False
    """Whether mixes are subsets of the texts, so that an opinion on including one can guide the search."""
    is_inclusion: bool = False
    """Whether an effect is that of including a text, the others being in or out."""
    alone: bool = False
    """Whether a trial trains on one text: its learning curve is then the text's own."""
    part: Callable[[CorpusMix, str], float] = membership
    """How much of a mix a text is, in the table of trials."""
    lost: Callable[[Sequence[TrialRecord]], str] = lost_pairs
    """What failed trials take from the rating, in a sentence."""
