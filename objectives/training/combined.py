"""Combination of several stages into one equivalent adapter that plain peft loads."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from peft import LNTuningConfig, LoraConfig

from objectives.training.adapter import Weights
from objectives.training.stage_adapter import StageAdapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_A, _B = ".lora_A.weight", ".lora_B.weight"
_PREFIX = "base_model.model."
_NAME = "adapter"


def combined(adapters: Sequence[StageAdapter], model: PreTrainedModel, changed: Iterable[str]) -> StageAdapter:
    """Combine the adapters of all stages into one.

    A single stage is returned as it is. LoRA stages are concatenated along the rank, which is exact. Stages of other
    kinds cannot be concatenated, so the adapter then contains the whole changed modules.

    Args:
        adapters: adapters of all stages.
        model: the base with all stages merged.
        changed: names of the weights that any stage has changed.
    """
    if len(adapters) == 1:
        return adapters[0]
    if all(is_plain_lora(stage) for stage in adapters):
        return _concatenated(adapters)
    return _copied_modules(model, changed)


def is_plain_lora(stage: StageAdapter) -> bool:
    """Whether a stage trains only the LoRA matrices A and B of linear modules.

    The matrices of experts are stacked into one, which cannot be concatenated here: changed experts are kept whole.
    """
    config = stage.config
    return isinstance(config, LoraConfig) and not config.use_dora and not config.target_parameters


def _concatenated(adapters: Sequence[StageAdapter]) -> StageAdapter:
    """Concatenate LoRA stages along the rank, with their scales multiplied into B."""
    a_parts: dict[str, list[torch.Tensor]] = defaultdict(list)
    b_parts: dict[str, list[torch.Tensor]] = defaultdict(list)
    for stage in adapters:
        for key, tensor in stage.tensors.items():
            if key.endswith(_A):
                path = key.removesuffix(_A)
                a_parts[path].append(tensor)
                b_parts[path].append(stage.tensors[path + _B] * scale_of(stage, tensor.shape[0]))
    tensors = {path + _A: torch.cat(parts) for path, parts in a_parts.items()}
    tensors |= {path + _B: torch.cat(parts, dim=1) for path, parts in b_parts.items()}
    ranks = {path.removeprefix(_PREFIX): sum(part.shape[0] for part in parts) for path, parts in a_parts.items()}
    largest = max(ranks.values())
    config = LoraConfig(
        r=largest,
        lora_alpha=largest,
        target_modules=sorted(ranks),
        rank_pattern=ranks,
        alpha_pattern=ranks,
        fan_in_fan_out=any(getattr(stage.config, "fan_in_fan_out", False) for stage in adapters),
        bias="none",
        task_type="CAUSAL_LM",
        base_model_name_or_path=adapters[0].config.base_model_name_or_path,
        inference_mode=True,
    )
    return StageAdapter(_NAME, config, tensors)


def scale_of(stage: StageAdapter, rank: int) -> float:
    """Return the scale of B A for matrices of a given rank."""
    alpha = float(getattr(stage.config, "lora_alpha", rank))
    return alpha / math.sqrt(rank) if getattr(stage.config, "use_rslora", False) else alpha / rank


def _copied_modules(model: PreTrainedModel, changed: Iterable[str]) -> StageAdapter:
    """Return an adapter with the current values of the changed weights, as copies of their modules."""
    tensors: Weights = {}
    modules: dict[str, None] = {}
    for name in changed:
        module, weight = name.rsplit(".", 1)
        modules[module] = None
        value = model.get_parameter(name).detach().to("cpu", copy=True)  # a file stores tied weights twice
        tensors[f"{_PREFIX}{module}.ln_tuning_layers.{weight}"] = value.contiguous()
    config = LNTuningConfig(
        target_modules=list(modules),
        task_type="CAUSAL_LM",
        base_model_name_or_path=model.name_or_path,
        inference_mode=True,
    )
    return StageAdapter(_NAME, config, tensors)
