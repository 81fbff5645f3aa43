"""Search spaces of a study: texts, adapter settings, layers and learning rate. Plain values, without torch or ray."""

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

_LAZY = {"Space": "spaces.space", "SpaceSpec": "spaces.spec"}
"""Names that only a search needs, to their modules; imported lazily, so that a trial runs without Optuna."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
