"""Commands on models that are no study: training, export, pretraining, scenes, Text-to-LoRA."""

from __future__ import annotations
