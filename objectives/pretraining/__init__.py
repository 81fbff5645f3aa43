"""Pretraining of a small base model from scratch: tokenizer and weights from a folder of texts."""

from __future__ import annotations
