"""Writing adapters with a trained hypernetwork."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from objectives.bases.hub import refuse_four_bits
from objectives.data.tokens import tokenize
from objectives.device import choose_device
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.checkpoint import HypernetCheckpoint
from objectives.text_to_lora.encoders import BASE, OneHotEncoder, open_encoder
from objectives.text_to_lora.texts import Reader
from objectives.training.stage_adapter import StageAdapter
from objectives.worker import Base, open_base
from spaces import InputError
from spaces.choices import SWITCHES, Switch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Writer:
    """A hypernetwork with its base and its encoder."""

    stored: HypernetCheckpoint
    model: PreTrainedModel
    """The base, or its outline where the encoder does without it."""
    reader: Reader

    @classmethod
    def open(cls, folder: Path, *, trust_code: bool = False) -> Writer:
        """Load a hypernetwork and what it needs.

        Raises:
            InputError: the folder holds none, or its base has gone or changed.
        """
        stored = HypernetCheckpoint.load(folder)
        base = open_base(stored.base, trust_code=trust_code)
        choices = (choice for choice in SWITCHES if stored.made_on(base.fetch(choice)))
        choice = next(choices, None)
        if choice is None:
            raise InputError(
                f"The base {stored.base!r} has changed since the hypernetwork in {str(folder)!r} was trained on it. "
                "Bring it back, or train anew.",
                code="base-changed",
            )
        return cls.of(stored, base, choice)

    @classmethod
    def of(cls, stored: HypernetCheckpoint, base: Base, add_bos_token: Switch = "auto") -> Writer:
        """With a base that is known to be the right one, which reads texts as it did in training."""
        encoding = base.encoding(add_bos_token)
        model = _reading(stored, base) if stored.encoder == BASE else base.outline()
        encoder = open_encoder(stored.encoder, model, encoding, stored.names)
        stored.network.eval()
        return cls(stored, model, Reader(encoding, encoder, stored.chunk, stored.most_chunks, stored.whole_texts))

    @torch.no_grad()
    def described(self, description: str) -> Adapters:
        """One adapter for a description."""
        written: Adapters = self.stored.network(self.reader.encoder([description]))
        return written

    @torch.no_grad()
    def read(self, content: str) -> Adapters:
        """One adapter for a text: one for each of its chunks, joined along the rank.

        Raises:
            InputError: the network knows tasks by their numbers alone.
        """
        if isinstance(self.reader.encoder, OneHotEncoder):
            raise InputError(
                "A network with the encoder onehot knows tasks by their names alone, and reads no texts.",
                code="onehot-reads-no-text",
            )
        written: Adapters = self.stored.network(
            self.reader.read(tokenize(self.reader.encoding.tokenizer, content).tolist())
        )
        return written.joined()

    def learned(self, adapters: Adapters, name: str) -> StageAdapter:
        """Written adapters as a stage has them, in the form of a PEFT folder."""
        learned = adapters.learned(0, self.model, name)
        learned.config.base_model_name_or_path = self.stored.base
        return learned


def _reading(stored: HypernetCheckpoint, base: Base) -> PreTrainedModel:
    """The base as it was when the network learned what it makes of texts."""
    device = choose_device("auto")
    refuse_four_bits(stored.precision, device, "the precision that the hypernetwork was trained with")
    return base.model(stored.precision, device)
