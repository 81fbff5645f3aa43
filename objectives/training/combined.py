"""Several stages as one adapter that plain peft loads, and that gives what they gave."""

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


def combined(learned: Sequence[StageAdapter], model: PreTrainedModel, changed: Iterable[str]) -> StageAdapter:
    """One adapter for all stages.

    One stage is its own adapter. LoRA stages add up: their ranks are joined, which is exact. Stages of other kinds
    do not add up, so the adapter then holds the changed modules whole.

    Args:
        learned: by every stage.
        model: the base, all stages merged.
        changed: names of the weights in it that any stage has changed.
    """
    if len(learned) == 1:
        return learned[0]
    if all(adds_up(stage) for stage in learned):
        return _joined(learned)
    return _whole(model, changed)


def adds_up(stage: StageAdapter) -> bool:
    """Whether a stage has learned matrices A and B of linear modules and nothing else.

    Those of experts are stacked in one matrix, which is not joined here: the changed experts are kept whole.
    """
    config = stage.config
    return isinstance(config, LoraConfig) and not config.use_dora and not config.target_parameters


def _joined(learned: Sequence[StageAdapter]) -> StageAdapter:
    """Matrices A one below the other, matrices B, with their scales, side by side."""
    downs: dict[str, list[torch.Tensor]] = defaultdict(list)
    ups: dict[str, list[torch.Tensor]] = defaultdict(list)
    for stage in learned:
        for key, tensor in stage.tensors.items():
            if key.endswith(_A):
                path = key.removesuffix(_A)
                downs[path].append(tensor)
                ups[path].append(stage.tensors[path + _B] * scale_of(stage, tensor.shape[0]))
    tensors = {path + _A: torch.cat(parts) for path, parts in downs.items()}
    tensors |= {path + _B: torch.cat(parts, dim=1) for path, parts in ups.items()}
    ranks = {path.removeprefix(_PREFIX): sum(part.shape[0] for part in parts) for path, parts in downs.items()}
    largest = max(ranks.values())
    config = LoraConfig(
        r=largest,
        lora_alpha=largest,
        target_modules=sorted(ranks),
        rank_pattern=ranks,
        alpha_pattern=ranks,
        fan_in_fan_out=any(getattr(stage.config, "fan_in_fan_out", False) for stage in learned),
        bias="none",
        task_type="CAUSAL_LM",
        base_model_name_or_path=learned[0].config.base_model_name_or_path,
        inference_mode=True,
    )
    return StageAdapter(_NAME, config, tensors)


def scale_of(stage: StageAdapter, rank: int) -> float:
    """Return the factor of a stage for B A, where they have that rank."""
    alpha = float(getattr(stage.config, "lora_alpha", rank))
    return alpha / math.sqrt(rank) if getattr(stage.config, "use_rslora", False) else alpha / rank


def _whole(model: PreTrainedModel, changed: Iterable[str]) -> StageAdapter:
    """The changed weights as they are now, in copies of their modules."""
    tensors: Weights = {}
    modules: dict[str, None] = {}
    for name in changed:
        module, weight = name.rsplit(".", 1)
        modules[module] = None
        now = model.get_parameter(name).detach().to("cpu", copy=True)  # tied weights are two in a file
        tensors[f"{_PREFIX}{module}.ln_tuning_layers.{weight}"] = now.contiguous()
    config = LNTuningConfig(
        target_modules=list(modules),
        task_type="CAUSAL_LM",
        base_model_name_or_path=model.name_or_path,
        inference_mode=True,
    )
    return StageAdapter(_NAME, config, tensors)
