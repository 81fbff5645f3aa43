"""The kind `scenes`: qualities of reasoning, each by scenes that are scored by rule."""

from __future__ import annotations
