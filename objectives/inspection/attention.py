"""Where a model looks: per head, how spread its attention is and how far back it goes."""

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
    """Means over all tokens but the first of some texts; shape (layers, heads)."""

    entropy: NDArray[np.float64]
    """Of the weights of attention, in nats; 0 where a head looks at one token alone."""
    distance: NDArray[np.float64]
    """Between a token and what it looks at, weighted by attention, in tokens."""


def attention_of(model: PreTrainedModel, texts: Sequence[Sequence[int]]) -> Attention:
    """The attention of a model on texts, each given as tokens, two at least.

    Raises:
        InputError: the model does not tell for every layer where it looks, or there is no text.
    """
    if not texts:
        raise InputError("There is no text of two tokens to look at.", code="text-too-short")
    layers = len(find_blocks(model)[1])
    entropy, distance = np.zeros(()), np.zeros(())
    tokens = 0
    with _eager(model), torch.no_grad():
        for text in texts:
            output = model(input_ids=torch.tensor([list(text)], device=model.device), output_attentions=True)
            told = getattr(output, "attentions", None)
            if not told or len(told) != layers or any(layer is None for layer in told):
                raise InputError(
                    f"A base of type {type(model).__name__} does not tell where it looks.", code="attention-hidden"
                )
            weights = torch.stack([layer[0, :, 1:] for layer in told]).double().cpu()  # (layers, heads, tokens - 1, ..)
            logarithms = torch.where(weights > 0, weights.log(), 0.0)
            entropy = entropy - (weights * logarithms).sum(dim=(-1, -2)).numpy()
            places = torch.arange(len(text))
            back = places[1:, None] - places[None]  # from each token but the first to every token
            distance = distance + (weights * back).sum(dim=(-1, -2)).numpy()
            tokens += len(text) - 1
    return Attention(entropy / tokens, distance / tokens)


@contextmanager
def _eager(model: PreTrainedModel) -> Iterator[None]:
    """Compute attention in the one way that keeps its weights."""
    usual = attention_implementation(model)
    try:
        model.set_attn_implementation("eager")
        yield
    finally:
        model.set_attn_implementation(usual)
