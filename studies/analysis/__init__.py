"""Which texts and settings matter: effects, ranking, interactions, importances, and statistical power."""

from __future__ import annotations

CONFIDENCE = 0.95
"""Confidence level of every interval."""
