"""Trials in Ray Tune: the runner, and the bridge between Tune and the study's searcher."""

from __future__ import annotations
