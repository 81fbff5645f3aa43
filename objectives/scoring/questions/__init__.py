"""Questions of benchmarks: found, checked, and turned into requests."""

from __future__ import annotations
