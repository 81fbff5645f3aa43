"""The kind `benchmark`: questions through lm-eval."""

from __future__ import annotations
