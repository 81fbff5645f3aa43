"""Names of the ways in which an adapter may be tuned; `objectives.training.tunings` has what they do."""

from __future__ import annotations

METHODS = ("lora", "rslora", "dora", "loraplus")
