"""Qualities of reasoning: their questions about a scene, and their scores. docs/scenes.md has the formulas."""

from __future__ import annotations

from collections.abc import Mapping

from objectives.scoring.scenes.qualities.completion import Completion
from objectives.scoring.scenes.qualities.compression import Compression
from objectives.scoring.scenes.qualities.consistency import Consistency
from objectives.scoring.scenes.qualities.depth import Depth
from objectives.scoring.scenes.qualities.pressure import UnderPressure
from objectives.scoring.scenes.qualities.quality import Quality

QUALITIES: Mapping[str, type[Quality]] = {
    "depth": Depth,
    "consistency": Consistency,
    "pressure": UnderPressure,
    "completion": Completion,
    "compression": Compression,
}
"""Class of each quality, by its name in scene files."""
