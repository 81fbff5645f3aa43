"""Figures of a rung, as provenance files and model cards show them."""

from __future__ import annotations

from typing import Any

from objectives.base import Rung


def figures_of(rung: Rung, metric: str) -> dict[str, Any]:
    """Return the figures of a rung for the provenance and the model card; higher scores are better."""
    return {
        "metric": metric,
        "score": rung.score,
        "stderr": rung.stderr,
        "base_score": rung.base,
        "gain": rung.gain,
        "gain_stderr": rung.gain_stderr,
        "qualities": dict(rung.qualities),
    }
