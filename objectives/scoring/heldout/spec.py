"""The kind `heldout` of `objective.scores`: bits per byte of text that no trial trains on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from objectives.base import FORGOTTEN
from objectives.scoring.entry import ScoreEntry
from spaces.errors import UnfitError
from spaces.paths import beside


class HeldoutSpec(ScoreEntry):
    """Bits per byte of text that no trial trains on; the score is minus bits per byte."""

    former: ClassVar[Mapping[str, str]] = {"batch": "batch_size"}

    scorer: ClassVar[str] = "objectives.scoring.heldout.scorer:HeldoutScorer"
    asks: ClassVar[str] = "passages"
    qualities: ClassVar[tuple[str, ...]] = (FORGOTTEN,)

    kind: Literal["heldout"]
    files: list[Path] = Field(default_factory=list)
    """Files outside the corpus to score."""
    text: str | None = None
    """A text of the corpus whose end is held out from training and scored."""
    share: float = Field(0.2, gt=0, lt=1)
    """Share of `text` that is held out, from its end."""
    passage: int | None = Field(None, gt=0)
    """Characters of a passage; every passage counts as one question. Empty: 2000, or a fortieth of a short text."""
    batch_size: int = Field(16, gt=0)
    """Windows scored at once."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.files) == (self.text is not None):
            raise UnfitError("give either files or text, not both", code="files-or-text")
        return self

    def anchored(self, folder: Path) -> Self:
        return self.model_copy(update={"files": [beside(path, folder) for path in self.files]})

    @property
    def titles(self) -> list[str]:
        return ["held-out dialogues"]

    @property
    def kept(self) -> Mapping[str, float]:
        return {self.text: self.share} if self.text is not None else {}

    @property
    def may_be_in_chat(self) -> bool:
        """Whether the entry has files, which may contain dialogues; the end of a text does not."""
        return bool(self.files)
