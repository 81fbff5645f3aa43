"""Kinds of entries of `objective.scores`, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from objectives.scoring.benchmark.spec import BenchmarkSpec, TaskSpec
from objectives.scoring.entry import ScoreEntry
from objectives.scoring.function.spec import FunctionScoreSpec
from objectives.scoring.heldout.spec import HeldoutSpec
from objectives.scoring.scenes.spec import QUALITY_NAMES, ScenesSpec
from spaces.kinds import Kinds

SCORERS: Kinds[type[ScoreEntry]] = Kinds(
    "mixtune.scorers",
    {
        "benchmark": "objectives.scoring.benchmark.spec:BenchmarkSpec",
        "function": "objectives.scoring.function.spec:FunctionScoreSpec",
        "heldout": "objectives.scoring.heldout.spec:HeldoutSpec",
        "scenes": "objectives.scoring.scenes.spec:ScenesSpec",
    },
)
"""Kind of an entry, mapped to its settings class, which names the scorer class."""

if TYPE_CHECKING:
    ScoreSpec = ScoreEntry
else:
    ScoreSpec = Annotated[Union[tuple(SCORERS.values())], Field(discriminator="kind")]  # noqa: UP007  built at run time

__all__ = [
    "QUALITY_NAMES",
    "SCORERS",
    "BenchmarkSpec",
    "FunctionScoreSpec",
    "HeldoutSpec",
    "ScenesSpec",
    "ScoreEntry",
    "ScoreSpec",
    "TaskSpec",
]
