"""The base class of all entries of `objective.scores`, and the interface of a kind of entry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from spaces.choices import Spec, Switch


class ScoreEntry(Spec):
    """Settings of a score that is measured at rungs, and its properties that are known before anything is loaded.

    A kind is a subclass with a field `kind`, a row in `objectives.scoring.spec.SCORERS`, and a scorer class.
    """

    scorer: ClassVar[str]
    """`module:class` of the scorer; see `objectives.scoring.scorer.ScorerClass`."""
    asks: ClassVar[str] = "questions"
    """Name of the scored items, in the plural."""
    qualities: ClassVar[tuple[str, ...]] = ()
    """Qualities, in addition to the score, that every trial of a study with such an entry has."""
    own_columns: ClassVar[frozenset[str]] = frozenset()
    """First parts of the names of qualities with sub-figures, which are too many for a plot."""

    holdout: float = Field(0.5, ge=0, lt=1)
    """Share of each task's questions, or of the passages, that the search never uses; they confirm its result."""
    split_seed: int = Field(0, ge=0)
    """Seed of the division into the two splits."""
    chat_template: Switch = "auto"
    """Whether questions and held-out dialogues are put into the base's chat template, as by lm-eval's
    `apply_chat_template`. `auto`: if the base has one."""

    def anchored(self, folder: Path) -> Self:
        """Return a copy of the entry with paths relative to `folder`, the folder of the study file."""
        raise NotImplementedError

    @property
    def titles(self) -> list[str]:
        """Names of the entry's tasks, files or scenes, for messages and the report."""
        raise NotImplementedError

    @property
    def kept(self) -> Mapping[str, float]:
        """Share of each text's end, in [0, 1], that is scored and must not be trained on, by text name."""
        return {}

    @property
    def may_be_in_chat(self) -> bool:
        """Whether `chat_template` has an effect on the entry."""
        return True

    @property
    def examples_are_turns(self) -> bool:
        """Whether each few-shot example is a turn of its own inside a chat template."""
        return True
