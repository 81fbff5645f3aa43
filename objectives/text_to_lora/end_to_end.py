"""End-to-end training objective: the loss of the frozen base with the generated adapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from objectives.data.order import generator
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.training import Recipe
from objectives.text_to_lora.training_task import TrainingTask, drawn_for, losses

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_VALIDATION_EXAMPLES = 16
"""Number of validation examples of each held-out task."""


class EndToEnd:
    """Loss of the base on a task's examples, with the adapter generated from one of its descriptions (eq. 6)."""

    def __init__(
        self,
        network: HyperNetwork,
        model: PreTrainedModel,
        training_tasks: Sequence[TrainingTask],
        recipe: Recipe,
        held_out: Sequence[TrainingTask] = (),
    ) -> None:
        """Standardize the network's inputs by the descriptions of the tasks.

        Args:
            network: untrained network.
            model: the frozen base.
            training_tasks: tasks to train on.
            recipe: training settings.
            held_out: tasks for validation only.
        """
        network.to(model.device)
        network.standardize(torch.cat([training_task.descriptions for training_task in training_tasks]))
        self._network = network
        self._model = model
        self._training_tasks = training_tasks
        self._recipe = recipe
        self._held_out = held_out

    def loss(self, step: int) -> torch.Tensor:
        chosen, rng = drawn_for(step, self._recipe.seed, self._training_tasks, self._recipe.tasks)
        descriptions = torch.stack([training_task.description(rng) for training_task in chosen])
        sequences = [tokens for training_task in chosen for tokens in training_task.drawn(self._recipe.examples, rng)]
        return losses(self._model, self._network(descriptions.to(self._model.device)), sequences).mean()

    def validation(self) -> float | None:
        if not self._held_out:
            return None
        rng = generator(self._recipe.seed, "validation")
        task_losses = []
        for training_task in self._held_out:
            adapters = self._network(training_task.descriptions[:1].to(self._model.device))
            task_losses.append(losses(self._model, adapters, training_task.drawn(_VALIDATION_EXAMPLES, rng)))
        return torch.cat(task_losses).mean().item()
