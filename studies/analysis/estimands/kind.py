"""The interface of an estimand: one kind of effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search.storage.records import TrialRecord
from spaces import CorpusMix
from studies.analysis.effects import Estimator, TextEffect
from studies.analysis.ranking import Ranked


def membership(mix: CorpusMix, text: str) -> float:
    """Return 1 if a text is in a mix, else 0."""
    return int(text in mix.names)


def lost_pairs(failed: Sequence[TrialRecord]) -> str:
    """Say how many pairs a rating loses to failed trials; `failed`: the failed randomized trials, at least one."""
    lost = len({record.pair for record in failed})
    counted = "1 pair of randomized trials is" if lost == 1 else f"{lost} pairs of randomized trials are"
    return f"{counted} left out of the rating, because a trial failed."


@dataclass(frozen=True, slots=True)
class Estimand:
    """One kind of effect: its estimator, and the words that describe it."""

    estimate: Estimator
    rank: Callable[[Sequence[TextEffect]], list[Ranked]] | None
    """Function that ranks the texts by their effects alone; None if the ranking uses all trials."""
    axis: str
    """Axis label that says what an effect is."""
    caption: str
    """Caption sentence that says what an effect is."""
    doing: str
    """Subject of "makes the score better"; `{names}` stands for the texts."""
    joined: str
    """Conjunction between the names of texts: "and" if they are trained on together, "or" if separately."""
    ranked_by: str
    """Trials on which the ranking is based, in words."""
    block: str
    """Plural name of the blocks on which an effect is based."""
    fewest: int
    """Minimum number of blocks for an interval."""
    trials: int = 2
    """Randomized trials per block on which an effect is based."""
    interacts: bool = False
    """Whether interactions between two texts can be estimated."""
    of_subsets: bool = False
    """Whether mixes are subsets of the texts, so that a prior effect of including a text can guide the search."""
    is_inclusion: bool = False
    """Whether an effect is that of including a text while the other texts are included at random."""
    alone: bool = False
    """Whether each trial trains on a single text, so that its learning curve describes that text."""
    part: Callable[[CorpusMix, str], float] = membership
    """Function that returns a text's part of a mix, for the table of trials."""
    lost: Callable[[Sequence[TrialRecord]], str] = lost_pairs
    """Function that returns a sentence about what the rating loses to failed trials."""
