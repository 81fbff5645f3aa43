"""The language model that lm-eval asks: the worker's base, with whatever adapter is on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
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


@contextmanager
def seeded() -> Iterator[None]:
    """Let answers that are drawn at random be the same whenever they are asked for, and training draw on as before."""
    cards = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(cards):
        torch.manual_seed(0)
        yield


def language_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: int) -> HFLM:
    """lm-eval's own Hugging Face model around one that is already loaded."""
    for name in ("lm_eval", "lm_eval.models.huggingface"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it warns that a loaded model ignores loading options
    context = context_of(model.config)
    return _QuietModel(pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=context)
