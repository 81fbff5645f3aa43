"""A small base model from nothing: tokenizer and weights from a folder of texts."""

from __future__ import annotations
