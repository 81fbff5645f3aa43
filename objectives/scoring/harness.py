"""The language model that lm-eval asks: the worker's base, with whatever adapter is on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.models.huggingface import HFLM

from objectives.models.layout import context_of
from objectives.scoring.likelihood import Pair, log_likelihoods
from spaces import MixtuneError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_Request = tuple[object, list[int], list[int]]
"""As lm-eval hands them on: the text, then context and continuation as tokens."""


class _LanguageModel(HFLM):  # type: ignore[misc]
    """lm-eval's own model, which keeps requests as tokens and reads a prompt once for all answers to it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tokens: dict[tuple[str, str], tuple[list[int], list[int]]] = {}

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        pair = context, continuation
        if pair not in self._tokens:
            self._tokens[pair] = super()._encode_pair(context, continuation)
        return self._tokens[pair]

    def _loglikelihood_tokens(
        self, requests: Sequence[_Request], disable_tqdm: bool = True, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        return log_likelihoods(self.model, [self._pair(*each) for each in requests], self.batch_size)

    def _pair(self, _: object, context: list[int], continuation: list[int]) -> Pair:
        """What a request asks, cut on the left to what the model can see, as lm-eval does.

        Raises:
            MixtuneError: a prompt or an answer of no token, or an answer longer than the model can see.
        """
        if not context:
            raise MixtuneError("A prompt of the benchmark is nothing but blanks. Give its question words.")
        if not 0 < len(continuation) <= self.max_length:
            raise MixtuneError(
                f"An answer must have 1 to {self.max_length} tokens, as many as the base can see; one of the "
                f"benchmark's has {len(continuation)}. Shorten it, leave its question out, or take a base that sees "
                "more."
            )
        seen = (context + continuation)[-(self.max_length + 1) :]
        return tuple(seen[: -len(continuation)]), tuple(continuation)


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
    return _LanguageModel(pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=context)
