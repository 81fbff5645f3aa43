"""Texts as lessons, and what an adapter that was written for a text gains on a study's questions."""

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
    """How texts are cut up: into chunks that are encoded, and into windows that are learned."""

    encoding: TextEncoding
    encoder: Encoder
    chunk: int
    """Tokens of a chunk."""
    most: int
    """Chunks of a text."""
    whole: bool
    """Whether a text is one description, the mean of its chunks, as mixes of texts are; else each chunk is one."""

    def training_task(self, text: Text, resources: WorkerResources, length: int) -> TrainingTask:
        """A text: what is read of it are its descriptions, its windows of `length` tokens what is to be learned.

        Raises:
            InputError: the text is shorter than a window.
        """
        tokens = np.asarray(resources.tokens(text), dtype=np.int64)
        step = length - len(self.encoding.prefix)
        starts = range(0, len(tokens) - step + 1, step)
        windows = [with_prefix(tokens[start : start + step], self.encoding.prefix) for start in starts]
        if not windows:
            raise InputError(
                f"The text {text.name!r} has {len(tokens)} tokens, less than a window of {length}.",
                code="text-too-short",
            )
        return TrainingTask(text.name, self.encoded(text, resources), windows)

    def encoded(self, text: Text, resources: WorkerResources) -> torch.Tensor:
        """Encode what is read of a text of a study, shape (chunks, encoding)."""
        tokens, _ = split(np.asarray(resources.tokens(text), dtype=np.int64))
        return self.read(tokens.tolist())

    def read(self, ids: Sequence[int]) -> torch.Tensor:
        """A tokenized text, shape (chunks, encoding)."""
        found = self.encoder(chunks(self.encoding.tokenizer, ids, self.chunk, self.most))
        return found.mean(dim=0, keepdim=True) if self.whole else found


def mixed(encoded: Mapping[str, torch.Tensor], shares: Mapping[str, float]) -> torch.Tensor:
    """A mix of texts as one description, shape (1, encoding): the mean of what is read of them by their shares."""
    return torch.stack([share * encoded[name].mean(dim=0) for name, share in shares.items()]).sum(dim=0)[None]


@torch.no_grad()
def written_gain(network: HyperNetwork, encoded: torch.Tensor, resources: WorkerResources) -> float:
    """Score of the base with the adapter that is written for a text, less that of the base: the study's first score.

    On the questions that the search may see. `encoded`: what is read of the text, shape (chunks, encoding).
    """
    base = resources.base_scores(SEARCHED)[0].value
    device = resources.model.device
    adapters: Adapters = network.to(device)(encoded.to(device))
    with adapters.joined().on(resources.model):
        return resources.score(SEARCHED)[0].value - base
