"""The language model that lm-eval asks: the worker's base, with whatever adapter is on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lm_eval.models.huggingface import HFLM

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def language_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: int) -> HFLM:
    """lm-eval's own Hugging Face model around one that is already loaded."""
    for name in ("lm_eval", "lm_eval.models.huggingface"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it warns that a loaded model ignores loading options
    return HFLM(
        pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=model.config.max_position_embeddings
    )
