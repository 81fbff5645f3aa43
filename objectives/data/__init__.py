"""The training data of a trial: tokens of texts, dialogues in their templates, and their order."""

from __future__ import annotations
