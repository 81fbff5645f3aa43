"""A library of adapters: one for each lesson, trained side by side from the same first weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from objectives.data.order import generator
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.target import Target
from objectives.text_to_lora.training import Recipe
from objectives.text_to_lora.training_task import TrainingTask, losses
from objectives.training.fit import descend, fit, rate_share
from objectives.training.stacked import Matrices, clip_each
from spaces.errors import listed

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def train_library(
    model: PreTrainedModel,
    target: Target,
    training_tasks: Sequence[TrainingTask],
    recipe: Recipe,
    progress: Callable[[int, float], None] = lambda _step, _loss: None,
) -> Adapters:
    """An ordinary LoRA for each lesson; all begin with the same A and with B of zeros.

    Rotations of A and B would make matrices incomparable that were trained from different first weights (`aligned`
    mends that, as far as it can be mended); of the same ones they stay comparable.

    Args:
        model: the frozen base.
        target: what to train.
        training_tasks: one for each adapter.
        recipe: `examples` of each lesson in a step; `tasks` has no part in it.
        progress: hears of the step and its mean loss.
    """
    library = _Library(model, _first(target, len(training_tasks), recipe.seed, model.device), training_tasks, recipe)
    names = listed(training_task.name for training_task in training_tasks)
    advice = f"one of the tasks, in this order, cannot be learned as it is: {names}. Look at its examples."
    fit(library, recipe.steps, advice, progress)
    return library.adapters.map(torch.Tensor.detach)


class _Library:
    """Adapters side by side, each with lessons of its own."""

    def __init__(
        self, model: PreTrainedModel, adapters: Adapters, training_tasks: Sequence[TrainingTask], recipe: Recipe
    ) -> None:
        self.adapters = adapters
        self.step = 0
        self._model = model
        self._lessons = training_tasks
        self._recipe = recipe
        self._weights = [part for each in adapters.matrices.values() for part in (each.down, each.up)]
        groups = [{"params": self._weights, "peak": recipe.learning_rate}]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)

    def one_step(self) -> torch.Tensor:
        """Train on the next examples; each adapter's loss, shape (adapters,)."""
        rng = generator(self._recipe.seed, "library", self.step)
        sequences = [
            tokens for training_task in self._lessons for tokens in training_task.drawn(self._recipe.examples, rng)
        ]
        loss = losses(self._model, self.adapters, sequences)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        clip_each(self._weights, self._recipe.clip)
        descend(self._optimizer, rate_share(self.step, self._recipe.steps, self._recipe.warmup))
        self.step += 1
        return loss.detach()


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
