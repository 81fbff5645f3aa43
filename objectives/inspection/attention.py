"""Attention statistics of a model: entropy and mean distance per head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from objectives.bases.layout import find_blocks
from objectives.transformers_compat import attention_implementation
from spaces import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Attention:
    """Attention statistics, averaged over all tokens of some texts but the first of each; shape (layers, heads)."""

    entropy: NDArray[np.float64]
    """Entropy of the attention weights, in nats; 0 if a head attends to a single token."""
    distance: NDArray[np.float64]
    """Distance between a token and the tokens it attends to, weighted by attention, in tokens."""


def attention_of(model: PreTrainedModel, texts: Sequence[Sequence[int]]) -> Attention:
    """Measure the attention of a model on tokenized texts of at least two tokens each.

    Raises:
        InputError: the model does not return the attention weights of every layer, or there is no text.
    """
    if not texts:
        raise InputError("Attention needs a text of at least two tokens; there is none.", code="text-too-short")
    layers = len(find_blocks(model)[1])
    entropy, distance = np.zeros(()), np.zeros(())
    tokens = 0
    with _eager(model), torch.no_grad():
        for text in texts:
            output = model(input_ids=torch.tensor([list(text)], device=model.device), output_attentions=True)
            attentions = getattr(output, "attentions", None)
            if not attentions or len(attentions) != layers or any(layer is None for layer in attentions):
                raise InputError(
                    f"A base of type {type(model).__name__} does not return attention weights.", code="attention-hidden"
                )
            weights = (
                torch.stack([layer[0, :, 1:] for layer in attentions]).double().cpu()
            )  # (layers, heads, tokens - 1, ..)
            logarithms = torch.where(weights > 0, weights.log(), 0.0)
            entropy = entropy - (weights * logarithms).sum(dim=(-1, -2)).numpy()
            positions = torch.arange(len(text))
            distances = positions[1:, None] - positions[None]  # from each token but the first to every token
            distance = distance + (weights * distances).sum(dim=(-1, -2)).numpy()
            tokens += len(text) - 1
    return Attention(entropy / tokens, distance / tokens)


@contextmanager
def _eager(model: PreTrainedModel) -> Iterator[None]:
    """Use eager attention, the only implementation that returns its weights, inside the context."""
    previous = attention_implementation(model)
    try:
        model.set_attn_implementation("eager")
        yield
    finally:
        model.set_attn_implementation(previous)
