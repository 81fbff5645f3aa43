"""The demo: a small language, a library of books in it with known effects, and a benchmark of four skills."""

from __future__ import annotations
