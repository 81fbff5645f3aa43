"""Putting a trial's adapter on the base, and taking it off again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers.pytorch_utils import Conv1D

from objectives.models.hub import find_blocks
from objectives.training.tunings import TUNINGS
from spaces import MixtuneError, Stage
from spaces.layout import trained_layers

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def adapted(model: PreTrainedModel, stage: Stage, seed: int) -> Iterator[PeftModel]:
    """The base with a fresh adapter on the stage's modules and layers; on leaving, the untouched base again.

    The adapter's first weights and its dropout come from torch's global generator, which peft offers no
    way around, so it is seeded here.

    Raises:
        MixtuneError: peft adapted other modules than the stage asks for.
    """
    path, blocks = find_blocks(model)
    layers = trained_layers(stage.frozen, len(blocks))
    tuning = stage.tuning
    transposed = any(isinstance(module, Conv1D) for module in blocks[0].modules())
    config = LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        lora_dropout=tuning.dropout,
        target_modules=list(tuning.targets),
        layers_to_transform=list(layers),
        layers_pattern=path.rsplit(".", 1)[-1],
        fan_in_fan_out=transposed,  # GPT-2 stores its weights so
        bias="none",
        task_type="CAUSAL_LM",
        **TUNINGS[tuning.method].options,
    )
    torch.manual_seed(seed)
    tuned = get_peft_model(model, config)
    try:
        _check(tuned, len(layers) * _targets(blocks[0], tuning.targets))
        yield tuned
    finally:
        tuned.unload()
        model.requires_grad_(requires_grad=False)
        model.eval()


def trainable(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The weights that training changes."""
    return [weight for weight in model.parameters() if weight.requires_grad]


def _targets(block: torch.nn.Module, paths: tuple[str, ...]) -> int:
    return sum(path in paths for path, _ in block.named_modules())


def _check(tuned: PeftModel, expected: int) -> None:
    found = len(tuned.base_model.targeted_module_names)
    if found != expected:
        raise MixtuneError(
            f"The adapter must sit on {expected} modules of the chosen layers, but peft put it on {found}. "
            "Name the target modules exactly in space.lora.targets."
        )
