"""Trials in Ray Tune: the runner, and the bridge between Tune and our searcher."""

from __future__ import annotations
