"""A library of adapters: one for each lesson, trained side by side from the same first weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from objectives.data.order import generator
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.lessons import Lesson, losses
from objectives.text_to_lora.target import Target
from objectives.text_to_lora.training import Recipe
from objectives.training.loop import rate_share
from objectives.training.stacked import Matrices, clip_each

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def train_library(
    model: PreTrainedModel,
    target: Target,
    lessons: Sequence[Lesson],
    recipe: Recipe,
    progress: Callable[[int, float], None] = lambda _step, _loss: None,
) -> Adapters:
    """An ordinary LoRA for each lesson; all begin with the same A and with B of zeros.

    Rotations of A and B would make matrices incomparable that were trained from different first weights (`aligned`
    mends that, as far as it can be mended); of the same ones they stay comparable.

    Args:
        model: the frozen base.
        target: what to train.
        lessons: one for each adapter.
        recipe: `examples` of each lesson in a step; `tasks` has no part in it.
        progress: hears of the step and its mean loss.
    """
    adapters = _first(target, len(lessons), recipe.seed, model.device)
    weights = [part for each in adapters.matrices.values() for part in (each.down, each.up)]
    optimiser = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    for step in range(recipe.steps):
        rng = generator(recipe.seed, "library", step)
        sequences = [tokens for lesson in lessons for tokens in lesson.drawn(recipe.examples, rng)]
        loss = losses(model, adapters, sequences)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        clip_each(weights, recipe.clip)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * rate_share(step, recipe.steps, recipe.warmup)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        progress(step + 1, loss.mean().item())
    return adapters.map(torch.Tensor.detach)


def _first(target: Target, number: int, seed: int, device: torch.device) -> Adapters:
    """First weights as peft has them, the same for all."""
    draw = torch.Generator().manual_seed(seed)
    matrices = {}
    for module in target.modules:
        bound = 1 / math.sqrt(module.inputs)
        down = torch.empty(1, len(target.layers), target.rank, module.inputs).uniform_(-bound, bound, generator=draw)
        up = torch.zeros(number, len(target.layers), module.outputs, target.rank)
        matrices[module.path] = Matrices(
            down.repeat(number, 1, 1, 1).to(device).requires_grad_(), up.to(device).requires_grad_()
        )
    return Adapters(target, matrices)
