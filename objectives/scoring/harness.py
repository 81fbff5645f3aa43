"""lm-eval's interface to the worker's base with its current adapter."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from objectives.bases.layout import context_of
from objectives.device import current_cards
from objectives.lm_eval_compat import TokenModel, TokenRequest
from objectives.scoring.likelihood import Pair, log_likelihoods, padded
from spaces import MixtuneError

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from objectives.bases.encoding import TextEncoding


class LanguageModel(TokenModel):
    """lm-eval's Hugging Face model that caches tokenized requests and reads a prompt once for all its answers.

    Every sequence begins with the special tokens of the base's encoding, even if its beginning is cut off.
    """

    def __init__(self, encoding: TextEncoding, **options: Any) -> None:
        super().__init__(tokenizer=encoding.tokenizer, **options)
        self._encoding = encoding
        self._tokens: dict[tuple[str, str], tuple[list[int], list[int]]] = {}

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, left_truncate_len: int | None = None, **_: Any
    ) -> list[int]:
        encode = self._encoding.plain if add_special_tokens is False else self._encoding.encode
        return self._cut(encode(string), left_truncate_len or 0)

    def tok_batch_encode(
        self,
        strings: list[str],
        padding_side: str = "left",
        left_truncate_len: int | None = None,
        truncation: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        encoded = [self.tok_encode(string, left_truncate_len=left_truncate_len) for string in strings]
        return padded(encoded, torch.device("cpu"), left=padding_side == "left")

    def tok_decode(self, tokens: Any, skip_special_tokens: bool = True) -> Any:
        """Decode tokens; None, the end-of-text token of a tokenizer without one, becomes the empty string."""
        return "" if tokens is None else super().tok_decode(tokens, skip_special_tokens)

    def pair_tokens(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Tokenize a prompt and its continuation, with a cache."""
        pair = context, continuation
        if pair not in self._tokens:
            self._tokens[pair] = super().pair_tokens(context, continuation)
        return self._tokens[pair]

    def pair_log_likelihoods(self, requests: Sequence[TokenRequest]) -> list[tuple[float, bool]]:
        """Log-probability of every continuation, in nats, and whether greedy decoding would produce it."""
        return log_likelihoods(self.model, [self._pair(*each) for each in requests], self.batch_size)

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-probability of whole texts, in nats, in windows as long as the base's context.

        Every window begins with the base's special tokens; lm-eval adds them only to the first.
        """
        windows = [self._windows(self._encoding.plain(request.args[0])) for request in requests]
        flat = [("", *window) for text_windows in windows for window in text_windows]
        results = iter(self.pair_log_likelihoods(flat))
        return [math.fsum(next(results)[0] for _ in text_windows) for text_windows in windows]

    def answer_log_likelihoods(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        """Log-probability of answers after their contexts, both given as tokens, in nats."""
        requests = [("", self._encoding.with_prefix(context), answer) for context, answer in pairs]
        return [nats for nats, _ in self.pair_log_likelihoods(requests)]

    def _windows(self, tokens: list[int]) -> list[tuple[list[int], list[int]]]:
        """Context and continuation of every window of a text; together the continuations are the text.

        For a base without special tokens, the first token is not scored, because it has no context.
        """
        prefix = list(self._encoding.prefix)
        starts = prefix or [token for token in [self._first_token()] if token is not None] or tokens[:1]
        tokens = tokens if prefix or self._first_token() is not None else tokens[1:]
        if not tokens:
            return []
        pairs = get_rolling_token_windows(tokens, starts[-1], self.max_length - len(prefix), context_len=1)
        (first, answer), *later = map(make_disjoint_window, pairs)
        return [(starts[:-1] + first, answer), *((prefix + context, rest) for context, rest in later)]

    def _first_token(self) -> int | None:
        """Return the token that lm-eval puts before a text: BOS, else end of text, else None."""
        tokenizer = self._encoding.tokenizer
        token = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        return None if token is None else int(token)

    def _pair(self, _: object, context: list[int], continuation: list[int]) -> Pair:
        """Truncate a request on the left to the model's context, as lm-eval does.

        Raises:
            MixtuneError: the prompt or the answer has no tokens, or the answer is longer than the context.
        """
        if not context:
            raise MixtuneError("A prompt of the benchmark is blank. Give its question a text.", code="prompt-blank")
        if not 0 < len(continuation) <= self.max_length:
            raise MixtuneError(
                f"An answer must have 1 to {self.max_length} tokens, the context of the base; one answer of the "
                f"benchmark has {len(continuation)}. Shorten it, remove its question, or use a base with a longer "
                "context.",
                code="answer-length",
            )
        tokens = self._cut(context + continuation, self.max_length + 1, len(continuation))
        return tuple(tokens[: -len(continuation)]), tuple(continuation)

    def _cut(self, tokens: list[int], most: int, kept: int = 0) -> list[int]:
        """Truncate tokens on the left to `most` (0: no limit); the special tokens stay in front.

        `kept`: number of tokens at the end that must stay, even if that removes special tokens.
        """
        if not most or len(tokens) <= most:
            return tokens
        prefix = self._encoding.prefix
        begins = prefix and tuple(tokens[: len(prefix)]) == prefix and len(prefix) + kept < most
        return [*prefix, *tokens[len(prefix) - most :]] if begins else tokens[-most:]


@contextmanager
def seeded() -> Iterator[None]:
    """Sample answers with a fixed seed, without changing the random state of training."""
    cards = current_cards()
    with torch.random.fork_rng(cards):
        torch.manual_seed(0)
        yield


def language_model(model: PreTrainedModel, encoding: TextEncoding, batch: int) -> LanguageModel:
    """Wrap a loaded model and its encoding for lm-eval."""
    for name in ("lm_eval", "lm_eval.models.huggingface"):
        logging.getLogger(name).setLevel(logging.ERROR)  # lm-eval warns that a loaded model ignores loading options
    context = context_of(model.config)
    _ensure_padding(encoding.tokenizer)
    return LanguageModel(encoding, pretrained=model, batch_size=batch, max_length=context)


def _ensure_padding(tokenizer: PreTrainedTokenizerBase) -> None:
    """Set a padding token if a tokenizer has no special token at all; otherwise lm-eval would add a new token.

    A new token has no row in the embeddings. The choice of the padding token does not matter: padding is masked.
    """
    if all(token is None for token in (tokenizer.pad_token, tokenizer.unk_token, tokenizer.eos_token)):
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
