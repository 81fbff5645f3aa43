"""What an adapter costs: written, trained, or done without by examples in the prompt."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch

from objectives.hypernet.network import HyperNetwork, Shape
from objectives.hypernet.target import Target
from spaces import Module
from tests.benchmarks.t2l.rivals import ORACLE
from tests.benchmarks.t2l.world import SHOTS, World

MISTRAL = Target(
    "model.layers",
    tuple(range(32)),
    (Module("self_attn.q_proj", 4096, 4096), Module("self_attn.v_proj", 4096, 1024)),
    rank=8,
    alpha=16.0,
)
"""The paper's: queries and values of 32 layers of width 4096, the values' outputs 1024."""
PAPER = {"L": "55 M", "M": "34 M", "S": "5 M"}
_ENCODING = 1024
"""Length of the paper's task embeddings."""
_TIMES = 5
_BASE_WEIGHTS = 7_241_732_096
"""Of Mistral-7B."""
_PROMPT = 12
"""Tokens of a question of the family with its answer."""


@dataclass(frozen=True)
class Cost:
    """Of writing one adapter."""

    head: str
    weights: int
    """That are learnt."""
    milliseconds: float
    """Median of several."""
    flops: float


def written(target: Target, encoding: int) -> list[Cost]:
    """Every head, one description at once, on one thread of this processor."""
    return [_cost(target, encoding, head) for head in "LMS"]


@torch.no_grad()
def _cost(target: Target, encoding: int, head: str) -> Cost:
    network = HyperNetwork(target, encoding, Shape(head=head), seed=0).eval()
    z = torch.randn(1, encoding)
    network(z)
    times = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        network(z)
        times.append(time.perf_counter() - begun)
    return Cost(head, network.learnable, 1000 * statistics.median(times), _flops(network))


def _flops(network: HyperNetwork) -> float:
    """Two operations for each weight of a linear module and each row that it reads."""
    shape, target = network.shape, network.target
    rows = {"L": 1, "M": 2, "S": 2 * target.rank}[shape.head]
    places = len(target.layers) * len(target.modules)
    trunk = sum(m.weight.numel() for m in network.trunk.modules() if isinstance(m, torch.nn.Linear))
    heads = 0
    for size, head in zip(target.sizes, network.heads, strict=True):
        members = sum((module.inputs, module.outputs) == size for module in target.modules)
        heads += len(target.layers) * members * rows * head.get_parameter("out.weight").numel()
    return 2.0 * (places * rows * trunk + heads + network.encoding * shape.task)


def alternatives(base_weights: int) -> dict[str, float]:
    """Operations of what a written adapter stands for, on a base of so many weights.

    Training reads each token forward (2 operations a weight) and sends gradients back through the frozen weights
    (2 more); a prompt's examples are read (2) with every question.
    """
    tokens = ORACLE.steps * ORACLE.examples * _PROMPT
    return {
        "training a LoRA for the task": 4.0 * base_weights * tokens,
        f"{SHOTS} examples in the prompt, for each question": 2.0 * base_weights * SHOTS * (_PROMPT + 1),
    }


def base_weights(world: World) -> int:
    """Of the shipped base."""
    return sum(weight.numel() for weight in world.model.parameters())


def large_alternatives() -> dict[str, float]:
    """On the paper's base."""
    return alternatives(_BASE_WEIGHTS)


def large() -> list[Cost]:
    """The paper's target."""
    return written(MISTRAL, _ENCODING)
