"""What may vary in a study: texts, adapter settings, layers, learning rate. Plain values, no torch, no ray."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spaces.corpus import Corpus, Text, scan
from spaces.errors import FieldError, InputError, MixtuneError
from spaces.layout import Layout, Module
from spaces.trial import CorpusMix, LayerRange, Stage, TrialConfig, Tuning

if TYPE_CHECKING:
    from spaces.space import Space
    from spaces.spec import SpaceSpec

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

_LATER = {"Space": "spaces.space", "SpaceSpec": "spaces.spec"}
"""What only a search needs, by its module: a trial runs on a machine without Optuna, too."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
