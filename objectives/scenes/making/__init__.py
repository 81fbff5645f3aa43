"""The shipped scenes are made here, from words and sentences of each language; tests solve them in another way."""

from __future__ import annotations
