"""Texts as training tasks, and the gain of a generated adapter on a study's questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from objectives.data.order import with_prefix
from objectives.data.tokens import split
from objectives.questions import SEARCHED
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.encoders import Encoder, chunks
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.training_task import TrainingTask
from objectives.worker import WorkerResources
from spaces import InputError, Text

if TYPE_CHECKING:
    from objectives.bases.encoding import TextEncoding


@dataclass(frozen=True, slots=True)
class Reader:
    """Splits texts into chunks to encode and windows to train on."""

    encoding: TextEncoding
    encoder: Encoder
    chunk: int
    """Length of a chunk, in tokens."""
    most: int
    """Maximum number of chunks of a text."""
    whole: bool
    """Whether a text is one description, the mean of its chunks, like a mix of texts; else each chunk is one."""

    def training_task(self, text: Text, resources: WorkerResources, length: int) -> TrainingTask:
        """Return a text as a task: its chunks are the descriptions, its windows of `length` tokens the examples.

        Raises:
            InputError: the text is shorter than a window.
        """
        tokens = np.asarray(resources.tokens(text), dtype=np.int64)
        step = length - len(self.encoding.prefix)
        starts = range(0, len(tokens) - step + 1, step)
        windows = [with_prefix(tokens[start : start + step], self.encoding.prefix) for start in starts]
        if not windows:
            raise InputError(
                f"The text {text.name!r} has {len(tokens)} tokens, fewer than a window of {length}.",
                code="text-too-short",
            )
        return TrainingTask(text.name, self.encoded(text, resources), windows)

    def encoded(self, text: Text, resources: WorkerResources) -> torch.Tensor:
        """Encode a text of a study, shape (chunks, encoding)."""
        tokens, _ = split(np.asarray(resources.tokens(text), dtype=np.int64))
        return self.read(tokens.tolist())

    def read(self, ids: Sequence[int]) -> torch.Tensor:
        """Encode a tokenized text, shape (chunks, encoding)."""
        vectors = self.encoder(chunks(self.encoding.tokenizer, ids, self.chunk, self.most))
        return vectors.mean(dim=0, keepdim=True) if self.whole else vectors


def mixed(encoded: Mapping[str, torch.Tensor], shares: Mapping[str, float]) -> torch.Tensor:
    """Encode a mix of texts as one description, shape (1, encoding): the mean of their encodings by share."""
    return torch.stack([share * encoded[name].mean(dim=0) for name, share in shares.items()]).sum(dim=0)[None]


@torch.no_grad()
def written_gain(network: HyperNetwork, encoded: torch.Tensor, resources: WorkerResources) -> float:
    """Return the gain of the adapter generated for a text: the change of the study's first score over the base.

    Scores use the questions of the search split. `encoded`: encoded text, shape (chunks, encoding).
    """
    base = resources.base_scores(SEARCHED)[0].value
    device = resources.model.device
    adapters: Adapters = network.to(device)(encoded.to(device))
    with adapters.joined().on(resources.model):
        return resources.score(SEARCHED)[0].value - base
