"""Measuring a model: questions through lm-eval, held-out text in bits per byte, scenes of reasoning."""

from __future__ import annotations

from collections.abc import Mapping

SCORERS: Mapping[str, str] = {
    "benchmark": "objectives.scoring.benchmark:BenchmarkScorer",
    "heldout": "objectives.scoring.heldout_scorer:HeldoutScorer",
    "scenes": "objectives.scoring.scenes:ScenesScorer",
}
"""Kind of an entry of `objective.scores` to the class that measures it."""
