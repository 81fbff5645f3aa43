"""The language model that lm-eval asks: the worker's base, with whatever adapter is on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from lm_eval.models.huggingface import HFLM

from objectives.models.hub import context_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class _QuietModel(HFLM):  # type: ignore[misc]
    """lm-eval's own model without its progress bars, which it draws for every request kind of every rung."""

    def _loglikelihood_tokens(
        self, requests: Any, disable_tqdm: bool = True, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        found: list[tuple[float, bool]] = super()._loglikelihood_tokens(requests, True, override_bs)
        return found


def language_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: int) -> HFLM:
    """lm-eval's own Hugging Face model around one that is already loaded."""
    for name in ("lm_eval", "lm_eval.models.huggingface"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it warns that a loaded model ignores loading options
    context = context_of(model.config)
    return _QuietModel(pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=context)
