"""What a hypernetwork learns from: descriptions with sequences of tokens, and the loss on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from objectives.data.chat import encoded, examples_of
from objectives.data.order import generator, with_prefix
from objectives.data.tokens import UNLEARNED, split
from objectives.text_to_lora.adapters import Adapters
from spaces import InputError
from spaces.corpus.dialogues import ANSWERS, Turn
from spaces.corpus.lines import Line

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding
    from objectives.text_to_lora.tasks import Example

Sequences = Sequence[NDArray[np.int64]]
"""Tokens of examples; one that is read and not learned stands as its complement, ~token."""


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """A task, or a text, under every description of it."""

    name: str
    descriptions: torch.Tensor
    """Encoded, shape (descriptions, encoding)."""
    sequences: Sequences

    def description(self, rng: np.random.Generator) -> torch.Tensor:
        """One of them, shape (encoding,)."""
        return self.descriptions[int(rng.integers(len(self.descriptions)))]

    def drawn(self, count: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Sequences drawn at random; none twice where there are enough."""
        enough = len(self.sequences) >= count
        return [self.sequences[int(i)] for i in rng.choice(len(self.sequences), count, replace=not enough)]


def instruction(example: Example, encoding: TextEncoding, context: int) -> NDArray[np.int64]:
    """Tokens of a prompt, read, and of its answer, learned; through the base's chat template where it has one.

    Raises:
        InputError: it is longer than the base's context.
    """
    turns = (Turn("user", example.prompt, place="prompt"), Turn(ANSWERS, example.completion, place="completion"))
    (read,) = examples_of(Line(0, "", turns), encoding.tokenizer, example.origin)
    found = with_prefix(encoded(read, encoding.tokenizer).astype(np.int64), encoding.prefix)
    if len(found) > context:
        raise InputError(
            f"{example.origin}: an example must fit into the base's context of {context} tokens; the one that begins "
            f"{shorten(example.prompt, 60)!r} has {len(found)}. Shorten it.",
            code="example-too-long",
        )
    return found


def batch_of(sequences: Sequences) -> NDArray[np.int64]:
    """Sequences of unlike lengths as one array, padded at the end with what is neither learned nor attended to."""
    length = max(map(len, sequences))
    found = np.full((len(sequences), length), ~0, dtype=np.int64)
    for row, tokens in enumerate(sequences):
        found[row, : len(tokens)] = tokens
    return found


def losses(model: PreTrainedModel, adapters: Adapters, sequences: Sequences) -> torch.Tensor:
    """Mean loss of each adapter on its own sequences, shape (adapters,), in nats per learned token.

    Args:
        model: the base.
        adapters: what acts on it.
        sequences: as many for each adapter, those of the first adapter first.
    """
    tokens, labels = (torch.from_numpy(part).to(model.device) for part in split(batch_of(sequences)))
    with adapters.on(model):
        scores = model(input_ids=tokens).logits[:, :-1]  # (sequences, length - 1, vocabulary)
    targets = labels[:, 1:]
    each = cross_entropy(scores.flatten(0, 1).float(), targets.flatten(), reduction="none").view(len(adapters), -1)
    learned = (targets != UNLEARNED).view(len(adapters), -1).sum(dim=1).clamp(min=1)
    return each.sum(dim=1) / learned


def drawn_for(
    step: int, seed: int, training_tasks: Sequence[TrainingTask], count: int
) -> tuple[list[TrainingTask], np.random.Generator]:
    """The lessons of a step, none twice, and what draws from them; a function of seed and step alone."""
    rng = generator(seed, "lessons", step)
    chosen = rng.permutation(len(training_tasks))[:count]
    return [training_tasks[int(place)] for place in chosen], rng
