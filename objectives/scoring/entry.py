"""What every entry of `objective.scores` has, and what the rest of the program asks of a kind of entry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from spaces.choices import Spec, Switch


class ScoreEntry(Spec):
    """Something that is measured at rungs: its settings, and what it says of itself before anything is loaded.

    A kind is a subclass with a field `kind`, a row in `objectives.scoring.spec.SCORERS`, and a scorer class.
    """

    scorer: ClassVar[str]
    """`module:class` of what measures it; see `objectives.scoring.scorer.ScorerClass`."""
    asks: ClassVar[str] = "questions"
    """What it is measured on, in the plural."""
    qualities: ClassVar[tuple[str, ...]] = ()
    """Figures that every trial has where such an entry is measured, beside its score."""
    own_columns: ClassVar[frozenset[str]] = frozenset()
    """First parts of names of its qualities that have figures of their own below them, too many for a picture."""

    holdout: float = Field(0.5, ge=0, lt=1)
    """Share of each task's questions, or of the passages, that the search never sees: they confirm what it found."""
    split_seed: int = Field(0, ge=0)
    """Seed of the division into the two splits."""
    chat_template: Switch = "auto"
    """Whether questions are asked, and held-out dialogues read, inside the base's chat template, as lm-eval's
    `apply_chat_template` does. `auto`: where the base has one."""

    def anchored(self, folder: Path) -> Self:
        """A copy of the entry with paths that start at `folder`, where the study file lies."""
        raise NotImplementedError

    @property
    def titles(self) -> list[str]:
        """Names of its tasks, files or scenes, for messages and the report."""
        raise NotImplementedError

    @property
    def kept(self) -> Mapping[str, float]:
        """Text of the corpus to the share of its end, in [0, 1], that is scored and must not be trained on."""
        return {}

    @property
    def may_be_in_chat(self) -> bool:
        """Whether the choice of a chat template means anything to it."""
        return True

    @property
    def examples_are_turns(self) -> bool:
        """Whether examples in a prompt are turns of their own inside a chat template."""
        return True
