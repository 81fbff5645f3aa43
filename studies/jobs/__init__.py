"""What is done with models and is no study: training, export, pretraining, scenes, Text-to-LoRA."""

from __future__ import annotations
