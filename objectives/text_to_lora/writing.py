"""Generation of adapters with a trained hypernetwork."""

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
    """Hypernetwork with its base and its encoder."""

    stored: HypernetCheckpoint
    model: PreTrainedModel
    """The base, or its outline if the encoder does not need the base."""
    reader: Reader

    @classmethod
    def open(cls, folder: Path, *, trust_code: bool = False) -> Writer:
        """Load a hypernetwork with its base and encoder.

        Raises:
            InputError: the folder does not hold a hypernetwork, or its base is missing or has changed.
        """
        stored = HypernetCheckpoint.load(folder)
        base = open_base(stored.base, trust_code=trust_code)
        choices = (choice for choice in SWITCHES if stored.was_trained_on(base.fetch(choice)))
        choice = next(choices, None)
        if choice is None:
            raise InputError(
                f"The base {stored.base!r} has changed since the hypernetwork in {str(folder)!r} was trained on it. "
                "Restore the base, or train a new hypernetwork.",
                code="base-changed",
            )
        return cls.of(stored, base, choice)

    @classmethod
    def of(cls, stored: HypernetCheckpoint, base: Base, add_bos_token: Switch = "auto") -> Writer:
        """Create a writer with the base of the hypernetwork, which encodes texts as in training."""
        encoding = base.encoding(add_bos_token)
        model = _encoding_base(stored, base) if stored.encoder == BASE else base.outline()
        encoder = open_encoder(stored.encoder, model, encoding, stored.names)
        stored.network.eval()
        return cls(stored, model, Reader(encoding, encoder, stored.chunk, stored.most_chunks, stored.whole_texts))

    @torch.no_grad()
    def described(self, description: str) -> Adapters:
        """Generate an adapter from a description."""
        adapters: Adapters = self.stored.network(self.reader.encoder([description]))
        return adapters

    @torch.no_grad()
    def read(self, content: str) -> Adapters:
        """Generate an adapter from a text: one per chunk, concatenated along the rank.

        Raises:
            InputError: the encoder is onehot, which cannot encode texts.
        """
        if isinstance(self.reader.encoder, OneHotEncoder):
            raise InputError(
                "A network with the encoder onehot supports only the names of its tasks, and cannot read texts.",
                code="onehot-reads-no-text",
            )
        adapters: Adapters = self.stored.network(
            self.reader.read(tokenize(self.reader.encoding.tokenizer, content).tolist())
        )
        return adapters.joined()

    def learned(self, adapters: Adapters, name: str) -> StageAdapter:
        """Convert a generated adapter to a stage adapter, which can be saved as a PEFT folder."""
        adapter = adapters.learned(0, self.model, name)
        adapter.config.base_model_name_or_path = self.stored.base
        return adapter


def _encoding_base(stored: HypernetCheckpoint, base: Base) -> PreTrainedModel:
    """Load the base in the precision that the network was trained with."""
    device = choose_device("auto")
    refuse_four_bits(stored.precision, device, "the precision that the hypernetwork was trained with")
    return base.model(stored.precision, device)
