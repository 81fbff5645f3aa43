"""What a rung tells of the model, as it stands in provenance and model cards."""

from __future__ import annotations

from typing import Any

from objectives.base import Rung


def figures_of(rung: Rung, metric: str) -> dict[str, Any]:
    """Return all that a rung tells of the model, for the provenance and the card: higher scores are better."""
    return {
        "metric": metric,
        "score": rung.score,
        "stderr": rung.stderr,
        "base_score": rung.base,
        "gain": rung.gain,
        "gain_stderr": rung.gain_stderr,
        "qualities": dict(rung.qualities),
    }
