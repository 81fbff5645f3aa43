"""Pipelines of several stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spaces import CorpusMix, Stage, TrialConfig, Tuning
from spaces.layout import complement
from spaces.methods import METHODS
from tests.support.training import spec

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from objectives.training.pipeline import Pipeline

TARGETS = ("self_attn.q_proj", "fc1")


STEP = 64
"""Tokens of a training step of `spec()`."""


def stage(name: str, method: str, layers: range, text: str = "a", tokens: int = 4 * STEP) -> Stage:
    kind = METHODS[method]
    rank = 4 if kind.low_rank else 0
    tuning = Tuning(method, rank, 2.0 * rank, 0.1 if rank else 0.0, TARGETS if kind.targets else ())
    return Stage(name, CorpusMix.equal([text] if text else []), tuning, complement(layers, 3), tokens, 1e-2)


THREE = (
    stage("low", "lora", range(1)),
    stage("high", "dora", range(2, 3), "b"),
    stage("norms", "layernorm", range(1, 3), tokens=2 * STEP),
)


def pipeline(base: PreTrainedModel, *stages: Stage, **fields: Any) -> Pipeline:
    from objectives.training.pipeline import Pipeline

    rng = np.random.default_rng(0)
    tokens = {name: rng.integers(1, 60, 600).astype(np.int32) for name in "ab"}
    return Pipeline(base, TrialConfig("opt", 3, stages), tokens, spec(**fields))


def logits(model: torch.nn.Module) -> torch.Tensor:
    import torch

    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.arange(1, 20)[None]).logits
    return found
