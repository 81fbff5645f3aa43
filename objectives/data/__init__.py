"""The training data of a trial: tokens of texts, dialogues in chat templates, and the order of sequences."""

from __future__ import annotations
