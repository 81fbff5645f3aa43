"""Which texts and which settings matter: effects, ranking, interactions, importances, and whether trials are enough."""

from __future__ import annotations

CONFIDENCE = 0.95
"""Of every interval."""
