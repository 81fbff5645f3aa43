"""How many adapters a network can hold: reconstruction under one-hot ids, which share nothing between tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.encoders import OneHotEncoder
from objectives.text_to_lora.library import train_library
from objectives.text_to_lora.network import HyperNetwork, Shape
from objectives.text_to_lora.reconstruction import Reconstruction
from objectives.text_to_lora.training import Training
from tests.benchmarks.t2l.rivals import ORACLE, RECONSTRUCTION
from tests.benchmarks.t2l.world import World

NUMBERS = (4, 8, 16, 24, 43)
HEADS = "LMS"


@dataclass(frozen=True)
class Held:
    """A network that holds so many adapters."""

    head: str
    number: int
    quality: float
    """Share of what the adapters gain over the base that those it says gain."""
    error: float
    """Mean L1 error, in standard deviations."""


def compressed(seed: int) -> list[Held]:
    """Every head with every number of adapters."""
    torch.set_num_threads(1)  # a process for each core
    world = World(seed)
    training_tasks = world.training_tasks(None)
    library = train_library(world.model, world.target, training_tasks, ORACLE)
    order = np.random.default_rng([seed, 7]).permutation(len(training_tasks)).tolist()
    base = {number: world.accuracy(number) for number in order}
    best = {number: world.accuracy(number, library.chosen([number])) for number in order}
    return [_held(world, library, order[:count], head, base, best) for head in HEADS for count in NUMBERS]


def _held(
    world: World, library: Adapters, chosen: list[int], head: str, base: dict[int, float], best: dict[int, float]
) -> Held:
    names = [world.tasks[number].name for number in chosen]
    encoder = OneHotEncoder(names)
    ids = encoder(names)
    network = HyperNetwork(world.target, encoder.width, Shape(head=head), world.seed)
    way = Reconstruction(network, library.chosen(chosen), [row[None] for row in ids], RECONSTRUCTION)
    for _ in Training(network, way, RECONSTRUCTION).run():
        pass
    with torch.no_grad():
        said = network(ids)
    got = {number: world.accuracy(number, said.chosen([place])) for place, number in enumerate(chosen)}
    gained = sum(got[number] - base[number] for number in chosen)
    return Held(head, len(chosen), gained / sum(best[number] - base[number] for number in chosen), way.error())
