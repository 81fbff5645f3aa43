"""The kind `scenes` of `objective.scores`: qualities of reasoning, each measured by scenes that are scored by rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field

from objectives.scoring.entry import ScoreEntry
from spaces.paths import file_beside

_QualityName = Literal["depth", "consistency", "pressure", "completion", "compression"]
QUALITY_NAMES: frozenset[str] = frozenset(get_args(_QualityName))
"""Names of the qualities of reasoning that scenes measure."""


class ScenesSpec(ScoreEntry):
    """Qualities of reasoning, each measured by scenes that are scored by rule; see docs/scenes.md."""

    former: ClassVar[Mapping[str, str]] = {"batch": "batch_size"}

    scorer: ClassVar[str] = "objectives.scoring.scenes.scorer:ScenesScorer"
    own_columns: ClassVar[frozenset[str]] = QUALITY_NAMES

    kind: Literal["scenes"]
    files: Annotated[list[str], Field(min_length=1)] = Field(default=["english"])
    """Scene files: the shipped `english` and `russian`, or your own, whose names end in .yaml."""
    weights: dict[_QualityName, Annotated[float, Field(gt=0)]] = Field(
        default={"depth": 1.0, "consistency": 1.0, "pressure": 1.0, "compression": 1.0}, min_length=1
    )
    """Weights of the qualities in the score. Other qualities in the files are only recorded; `completion`, which
    generates text, only at the last rung."""
    threshold: float = Field(0.75, gt=0, le=1)
    """Accuracy, in (0, 1], that counts as solving a depth of reasoning."""
    limit: int | None = Field(None, gt=1)
    """Number of scenes of each quality and file to use, spread evenly over the file; empty: all."""
    batch_size: int = Field(64, gt=0)
    """Questions scored at once."""

    def weight(self, quality: str) -> float:
        """Weight of a quality in the score; 0 if it is only recorded."""
        weights: Mapping[Any, float] = self.weights
        return weights.get(quality, 0.0)

    def anchored(self, folder: Path) -> Self:
        return self.model_copy(update={"files": [file_beside(name, folder) for name in self.files]})

    @property
    def titles(self) -> list[str]:
        return ["scenes"]
