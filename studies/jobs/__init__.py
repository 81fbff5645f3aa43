"""Commands other than studies: training, export, pretraining, scenes, Text-to-LoRA."""

from __future__ import annotations
