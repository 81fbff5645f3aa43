"""The kind `function` of `objective.scores`: a score that the user's own Python code computes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from objectives.scoring.entry import ScoreEntry
from spaces.functions import FunctionField


class FunctionScoreSpec(ScoreEntry):
    """A score that a Python function computes from the model.

    The function is called as `function(model, tokenizer)` and returns a number, or one number for each question; higher
    is better. If it has an attribute `questions`, a sequence, it is called as `function(model, tokenizer, questions)`
    with some of them and returns one number for each: the rest is kept for the confirmation.
    """

    scorer: ClassVar[str] = "objectives.scoring.function.scorer:FunctionScorer"

    kind: Literal["function"]
    function: FunctionField
    """`module:name` of a function or a callable object in an installed package."""

    def anchored(self, folder: Path) -> Self:
        return self

    @property
    def titles(self) -> list[str]:
        return [self.function.name]

    @property
    def may_be_in_chat(self) -> bool:
        """The function decides itself what it asks and how."""
        return False
