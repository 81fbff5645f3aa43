"""Training of a library of adapters: one per task, side by side, from the same initial weights."""

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
    """Train an ordinary LoRA for each task; all start from the same A and from a zero B.

    Adapters that start from the same weights stay comparable. Different initial weights would lead to different
    rotations of A and B, which `aligned` removes only in part.

    Args:
        model: the frozen base.
        target: modules and layers to adapt.
        training_tasks: one task for each adapter.
        recipe: training settings; a step uses `examples` examples of every task, and `tasks` is ignored.
        progress: called after every step with the step and its mean loss.
    """
    library = _LibraryLearner(
        model, _initial_adapters(target, len(training_tasks), recipe.seed, model.device), training_tasks, recipe
    )
    names = listed(training_task.name for training_task in training_tasks)
    advice = f"one of these tasks, in this order, cannot be learned: {names}. Check its examples."
    fit(library, recipe.steps, advice, progress)
    return library.adapters.map(torch.Tensor.detach)


class _LibraryLearner:
    """Learner of several adapters side by side, each with its own task."""

    def __init__(
        self, model: PreTrainedModel, adapters: Adapters, training_tasks: Sequence[TrainingTask], recipe: Recipe
    ) -> None:
        self.adapters = adapters
        self.step = 0
        self._model = model
        self._training_tasks = training_tasks
        self._recipe = recipe
        self._weights = [part for matrices in adapters.matrices.values() for part in (matrices.down, matrices.up)]
        groups = [{"params": self._weights, "peak": recipe.learning_rate}]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)

    def one_step(self) -> torch.Tensor:
        """Train on the next examples; return the losses, shape (adapters,)."""
        rng = generator(self._recipe.seed, "library", self.step)
        sequences = [
            tokens
            for training_task in self._training_tasks
            for tokens in training_task.drawn(self._recipe.examples, rng)
        ]
        loss = losses(self._model, self.adapters, sequences)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        clip_each(self._weights, self._recipe.clip)
        descend(self._optimizer, rate_share(self.step, self._recipe.steps, self._recipe.warmup))
        self.step += 1
        return loss.detach()


def _initial_adapters(target: Target, number: int, seed: int, device: torch.device) -> Adapters:
    """Return peft's initial weights, the same for all adapters."""
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
