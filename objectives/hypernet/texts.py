"""Texts as lessons, and what an adapter that was written for a text gains on a study's questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from objectives.hypernet.adapters import Adapters
from objectives.hypernet.encoders import Encoder, chunks
from objectives.hypernet.lessons import Lesson
from objectives.hypernet.network import HyperNetwork
from objectives.questions import SEARCHED
from objectives.training.tokens import split
from objectives.workbench import Workbench
from spaces import InputError, Text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Reader:
    """How texts are cut up: into chunks that are encoded, and into windows that are learnt."""

    tokenizer: PreTrainedTokenizerBase
    encoder: Encoder
    chunk: int
    """Tokens of a chunk."""
    most: int
    """Chunks of a text."""

    def lesson(self, text: Text, bench: Workbench, length: int) -> Lesson:
        """A text: its chunks are its descriptions, its windows of `length` tokens what is to be learnt.

        Raises:
            InputError: the text is shorter than a window.
        """
        tokens = np.asarray(bench.tokens(text), dtype=np.int64)
        windows = [tokens[start : start + length] for start in range(0, len(tokens) - length + 1, length)]
        if not windows:
            raise InputError(f"The text {text.name!r} has {len(tokens)} tokens, less than a window of {length}.")
        return Lesson(text.name, self.encoded(text, bench), windows)

    def encoded(self, text: Text, bench: Workbench) -> torch.Tensor:
        """Its chunks, shape (chunks, encoding)."""
        read, _ = split(np.asarray(bench.tokens(text), dtype=np.int64))
        return self.encoder(chunks(self.tokenizer, read.tolist(), self.chunk, self.most))


def mixed(encoded: Mapping[str, torch.Tensor], shares: Mapping[str, float]) -> torch.Tensor:
    """A mix of texts as one description, shape (1, encoding): the mean of their chunks by their shares."""
    return torch.stack([share * encoded[name].mean(dim=0) for name, share in shares.items()]).sum(dim=0)[None]


@torch.no_grad()
def written_gain(network: HyperNetwork, encoded: torch.Tensor, bench: Workbench) -> float:
    """Score of the base with the adapter that is written for a text, less that of the base: the study's first score.

    On the questions that the search may see. `encoded`: the text's chunks, shape (chunks, encoding).
    """
    base = bench.base_scores(SEARCHED)[0].value
    device = bench.model.device
    adapters: Adapters = network.to(device)(encoded.to(device))
    with adapters.joined().on(bench.model):
        return bench.score(SEARCHED)[0].value - base
