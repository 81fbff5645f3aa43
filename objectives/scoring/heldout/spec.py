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
    """Bits per byte on text that no trial trains on; the score is minus bits per byte."""

    former: ClassVar[Mapping[str, str]] = {"batch": "batch_size"}

    scorer: ClassVar[str] = "objectives.scoring.heldout.scorer:HeldoutScorer"
    asks: ClassVar[str] = "passages"
    qualities: ClassVar[tuple[str, ...]] = (FORGOTTEN,)

    kind: Literal["heldout"]
    files: list[Path] = Field(default_factory=list)
    """Files outside the corpus."""
    text: str | None = None
    """A text of the corpus whose end is kept from training and scored."""
    share: float = Field(0.2, gt=0, lt=1)
    """How much of `text` is kept, from its end."""
    passage: int | None = Field(None, gt=0)
    """Characters of a passage; every passage counts as one question. Empty: 2000, of a short text a fortieth of it."""
    batch_size: int = Field(16, gt=0)
    """Windows scored at once."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.files) == (self.text is not None):
            raise UnfitError("give either files or text", code="files-or-text")
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
        """The end of a text is no dialogue."""
        return bool(self.files)
