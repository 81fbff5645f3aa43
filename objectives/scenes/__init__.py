"""Scenes: small tests of five qualities of reasoning, scored by rule. docs/scenes.md has the format."""

from __future__ import annotations

SHIPPED = ("english", "russian")
"""Scene files that mixtune ships; in a checkout, `python -m objectives.scenes.making` regenerates them."""
