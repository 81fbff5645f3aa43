"""Writing adapters with a trained hypernetwork."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from objectives.hypernet.adapters import Adapters
from objectives.hypernet.encoders import Encoder, chunks, open_encoder
from objectives.hypernet.stored import Stored
from objectives.training.learned import Learned
from objectives.training.tokens import tokenize
from objectives.workbench import Base, open_base
from spaces import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Writer:
    """A hypernetwork with its base and its encoder."""

    stored: Stored
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    encoder: Encoder

    @classmethod
    def open(cls, folder: Path, *, trust_code: bool = False) -> Writer:
        """Load a hypernetwork and what it needs.

        Raises:
            InputError: the folder holds none, or its base has gone or changed.
        """
        stored = Stored.load(folder)
        base = open_base(stored.base, trust_code=trust_code)
        if base.fetch() != stored.base_hash:
            raise InputError(
                f"The base {stored.base!r} has changed since the hypernetwork in {str(folder)!r} was trained on it. "
                "Bring it back, or train anew."
            )
        return cls.of(stored, base)

    @classmethod
    def of(cls, stored: Stored, base: Base) -> Writer:
        """With a base that is known to be the right one."""
        model, tokenizer = base.model("float32", "cpu"), base.tokenizer()
        stored.network.eval()
        return cls(stored, model, tokenizer, open_encoder(stored.encoder, model, tokenizer, stored.names))

    @torch.no_grad()
    def described(self, description: str) -> Adapters:
        """One adapter for a description."""
        written: Adapters = self.stored.network(self.encoder([description]))
        return written

    @torch.no_grad()
    def read(self, content: str) -> Adapters:
        """One adapter for a text: one for each of its chunks, joined along the rank."""
        ids = tokenize(self.tokenizer, content).tolist()
        pieces = chunks(self.tokenizer, ids, self.stored.chunk, self.stored.most_chunks)
        written: Adapters = self.stored.network(self.encoder(pieces))
        return written.joined()

    def learned(self, adapters: Adapters, name: str) -> Learned:
        """As a PEFT folder has it."""
        learned = adapters.learned(0, self.model, name)
        learned.config.base_model_name_or_path = self.stored.base
        return learned
