"""Training end to end: the network learns to write adapters that make the frozen base good at the tasks."""

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

_VALIDATING = 16
"""Examples of each held-out task."""


class EndToEnd:
    """Loss of the base on a task's examples, with the adapter that one of the task's descriptions asks for (eq. 6)."""

    def __init__(
        self,
        network: HyperNetwork,
        model: PreTrainedModel,
        training_tasks: Sequence[TrainingTask],
        recipe: Recipe,
        held_out: Sequence[TrainingTask] = (),
    ) -> None:
        """Let a network see how descriptions vary.

        Args:
            network: in its first state.
            model: the frozen base.
            training_tasks: what is learned from.
            recipe: of the training.
            held_out: what is not learned from.
        """
        network.to(model.device)
        network.standardize(torch.cat([training_task.descriptions for training_task in training_tasks]))
        self._network = network
        self._model = model
        self._lessons = training_tasks
        self._recipe = recipe
        self._held_out = held_out

    def loss(self, step: int) -> torch.Tensor:
        chosen, rng = drawn_for(step, self._recipe.seed, self._lessons, self._recipe.tasks)
        asked = torch.stack([training_task.description(rng) for training_task in chosen])
        sequences = [tokens for training_task in chosen for tokens in training_task.drawn(self._recipe.examples, rng)]
        return losses(self._model, self._network(asked.to(self._model.device)), sequences).mean()

    def validation(self) -> float | None:
        if not self._held_out:
            return None
        rng = generator(self._recipe.seed, "validation")
        found = []
        for training_task in self._held_out:
            written = self._network(training_task.descriptions[:1].to(self._model.device))
            found.append(losses(self._model, written, training_task.drawn(_VALIDATING, rng)))
        return torch.cat(found).mean().item()
