"""The kind `scenes`: qualities of reasoning, each measured by scenes that are scored by rule."""

from __future__ import annotations
