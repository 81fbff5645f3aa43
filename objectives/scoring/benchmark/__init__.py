"""The kind `benchmark`: questions of lm-eval tasks."""

from __future__ import annotations
