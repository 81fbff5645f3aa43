"""Costs of an adapter: written, trained, or done without by examples in the prompt."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from objectives.data.tokens import tokenize
from objectives.text_to_lora.encoders import BaseEncoder
from objectives.text_to_lora.library import train_library
from objectives.text_to_lora.network import HyperNetwork, Shape
from objectives.text_to_lora.target import Target
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
PAPER = {"T2L L": "55 M", "T2L M": "34 M", "T2L S": "5 M"}
_ENCODING = 1024
"""Length of the paper's task embeddings."""
_TIMES = 21
_BASE_WEIGHTS = 7_241_732_096
"""Size of Mistral-7B."""
_DESCRIPTION = 5
"""Tokens of one."""
_PROMPT = 10
"""Tokens of a question of the family with its answer."""


@dataclass(frozen=True)
class Cost:
    """Cost of an adapter, or of doing without one."""

    of: str
    flops: float
    milliseconds: float | None = None
    """Median of several passes on one thread; None where it was not measured."""
    weights: int | None = None
    """Weights that are learned."""


def small(world: World) -> list[Cost]:
    """On the shipped base, everything measured."""
    base = sum(weight.numel() for weight in world.model.parameters())
    encoder = BaseEncoder(world.model, world.base.encoding())
    training_tasks = world.training_tasks(encoder)[:1]
    text = [world.tasks[0].descriptions[0]]
    shots = "".join(f"{each.prompt}{each.answer}. " for each in world.learned[0][:SHOTS])
    question = world.asked[0][0].prompt
    with torch.inference_mode():
        asked, shown = (_passes(world, prompt) for prompt in (question, shots + question))
    begun = time.perf_counter()
    train_library(world.model, world.target, training_tasks, ORACLE)
    trained = 1000 * (time.perf_counter() - begun)
    encoded, training, prompted = _others(base)
    return [
        *written(world.target, encoder.width),
        replace(encoded, milliseconds=_median(lambda: encoder(text))),
        replace(training, milliseconds=trained),
        replace(prompted, milliseconds=shown - asked),
    ]


def large() -> list[Cost]:
    """The paper's target; its base is not at hand, so that operations on it are counted alone."""
    return [*written(MISTRAL, _ENCODING), *_others(_BASE_WEIGHTS)]


def written(target: Target, encoding: int) -> list[Cost]:
    """Every head, one description at once."""
    return [_head(target, encoding, head) for head in "LMS"]


@torch.no_grad()
def _head(target: Target, encoding: int, head: str) -> Cost:
    network = HyperNetwork(target, encoding, Shape(head=head), seed=0).eval()
    z = torch.randn(1, encoding)
    return Cost(f"T2L {head}", _flops(network), _median(lambda: network(z)), network.learnable)


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


def _others(base_weights: int) -> tuple[Cost, Cost, Cost]:
    """Alternatives to a written adapter and their costs, on a base of so many weights.

    Reading a token takes 2 operations a weight; training reads and sends gradients back through the frozen weights (2
    more); a prompt's examples are read with every question.
    """
    tokens = ORACLE.steps * ORACLE.examples * _PROMPT
    return (
        Cost(f"encoding a description of {_DESCRIPTION} tokens with the base", 2.0 * base_weights * _DESCRIPTION),
        Cost("training a LoRA for the task", 4.0 * base_weights * tokens),
        Cost(f"{SHOTS} examples in the prompt, for each question", 2.0 * base_weights * SHOTS * (_PROMPT + 1)),
    )


def _passes(world: World, prompt: str) -> float:
    tokens = torch.from_numpy(tokenize(world.tokenizer, prompt).astype("int64"))[None]
    return _median(lambda: world.model(input_ids=tokens, logits_to_keep=1))


def _median(call: Callable[[], object]) -> float:
    """Milliseconds."""
    call()
    times = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)
