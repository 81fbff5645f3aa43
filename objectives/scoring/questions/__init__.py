"""Questions of benchmarks: load them, check them, and build their requests."""

from __future__ import annotations
