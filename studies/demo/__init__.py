"""The demo: a small language, a library of books in that language with planted effects, and a benchmark."""

from __future__ import annotations
