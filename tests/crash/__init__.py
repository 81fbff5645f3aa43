"""Crash injection: a study that is killed again and again must end as if nothing had happened."""

from __future__ import annotations
