"""Training tasks of a hypernetwork: descriptions with token sequences, and the loss on them."""

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
"""Tokens of examples; a token without loss is stored as its complement, ~token."""


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """Task or text with all of its descriptions."""

    name: str
    descriptions: torch.Tensor
    """Encoded descriptions, shape (descriptions, encoding)."""
    sequences: Sequences

    def description(self, rng: np.random.Generator) -> torch.Tensor:
        """Return a random description, shape (encoding,)."""
        return self.descriptions[int(rng.integers(len(self.descriptions)))]

    def drawn(self, count: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Draw `count` sequences at random, without replacement if there are enough."""
        enough = len(self.sequences) >= count
        return [self.sequences[int(i)] for i in rng.choice(len(self.sequences), count, replace=not enough)]


def instruction(example: Example, encoding: TextEncoding, context: int) -> NDArray[np.int64]:
    """Encode an example with loss on the answer only, in the base's chat template if there is one.

    Raises:
        InputError: the example is longer than the base's context.
    """
    turns = (Turn("user", example.prompt, place="prompt"), Turn(ANSWERS, example.completion, place="completion"))
    (chat_example,) = examples_of(Line(0, "", turns), encoding.tokenizer, example.origin)
    tokens = with_prefix(encoded(chat_example, encoding.tokenizer).astype(np.int64), encoding.prefix)
    if len(tokens) > context:
        raise InputError(
            f"{example.origin}: an example must fit into the base's context of {context} tokens; the one that starts "
            f"with {shorten(example.prompt, 60)!r} has {len(tokens)}. Shorten it.",
            code="example-too-long",
        )
    return tokens


def batch_of(sequences: Sequences) -> NDArray[np.int64]:
    """Stack sequences into one array, padded at the end with tokens that have no loss."""
    length = max(map(len, sequences))
    batch = np.full((len(sequences), length), ~0, dtype=np.int64)
    for row, tokens in enumerate(sequences):
        batch[row, : len(tokens)] = tokens
    return batch


def losses(model: PreTrainedModel, adapters: Adapters, sequences: Sequences) -> torch.Tensor:
    """Return the mean loss of each adapter on its own sequences, shape (adapters,), in nats per token with loss.

    Args:
        model: the base.
        adapters: adapters to attach to the base.
        sequences: the same number for each adapter, those of the first adapter first.
    """
    tokens, labels = (torch.from_numpy(part).to(model.device) for part in split(batch_of(sequences)))
    with adapters.on(model):
        logits = model(input_ids=tokens).logits[:, :-1]  # (sequences, length - 1, vocabulary)
    targets = labels[:, 1:]
    token_losses = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none").view(
        len(adapters), -1
    )
    loss_tokens = (targets != UNLEARNED).view(len(adapters), -1).sum(dim=1).clamp(min=1)
    return token_losses.sum(dim=1) / loss_tokens


def drawn_for(
    step: int, seed: int, training_tasks: Sequence[TrainingTask], count: int
) -> tuple[list[TrainingTask], np.random.Generator]:
    """Return distinct tasks for a step and a random generator; both depend only on seed and step."""
    rng = generator(seed, "lessons", step)
    indices = rng.permutation(len(training_tasks))[:count]
    return [training_tasks[int(index)] for index in indices], rng
