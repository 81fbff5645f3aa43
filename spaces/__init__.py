"""What may vary in a study: texts, adapter settings, layers, learning rate. Plain values, no torch, no ray."""

from __future__ import annotations

from spaces.corpus import Corpus, Text, scan
from spaces.errors import FieldError, InputError, MixtuneError
from spaces.layout import Layout, Module
from spaces.space import Space
from spaces.spec import SpaceSpec
from spaces.trial import CorpusMix, LayerRange, Stage, TrialConfig, Tuning

__all__ = [
    "Corpus",
    "CorpusMix",
    "FieldError",
    "InputError",
    "LayerRange",
    "Layout",
    "MixtuneError",
    "Module",
    "Space",
    "SpaceSpec",
    "Stage",
    "Text",
    "TrialConfig",
    "Tuning",
    "scan",
]
