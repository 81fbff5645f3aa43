"""How a base turns text into tokens: its tokenizer, and the special tokens before every text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spaces import FieldError
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from spaces.choices import Switch

_FIELD = "objective.add_bos_token"
_PROBE = "a"
"""Text that is tokenized with and without special tokens, to find those that the tokenizer puts first."""
_NEEDS_BOS = "gemma"
"""Part of the names of model types that need BOS even if the files of their tokenizer do not add it, as lm-eval's
documentation of `add_bos_token` says. Gemma 3 270M: 6.6 nats per token without BOS, 3.6 with it."""


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """Tokenizer and prefix of a base, the same for training windows, held-out text and benchmarks."""

    tokenizer: PreTrainedTokenizerBase
    prefix: tuple[int, ...] = ()
    """Special tokens before every text, such as BOS; empty for bases that were trained without any."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, choice: Switch = "auto", model_type: str = "") -> TextEncoding:
        """Build the encoding that a study requests.

        Args:
            tokenizer: tokenizer of the base.
            choice: `objective.add_bos_token`; `auto` uses the special tokens that the tokenizer puts before a text.
            model_type: model type of the base, as in its configuration.

        Raises:
            FieldError: BOS is required, and the tokenizer has none.
        """
        if choice == "off":
            return cls(tokenizer)
        own = own_prefix(tokenizer)
        bos = tokenizer.bos_token_id
        if own or (choice == "auto" and (bos is None or _NEEDS_BOS not in model_type)):
            return cls(tokenizer, own)
        if bos is None:
            raise FieldError(
                _FIELD,
                "must be `auto` or `off` here: the tokenizer of the base has no BOS token (bos_token).",
                code="no-bos-token",
            )
        return cls(tokenizer, (bos,))

    @property
    def shown_prefix(self) -> str:
        """The prefix as text, such as `<bos>`; empty if there is none."""
        return "".join(map(str, self.tokenizer.convert_ids_to_tokens(list(self.prefix))))

    @property
    def digest(self) -> str:
        """Hash of everything that determines the tokens of a text: tokenizer, chat template and prefix."""
        return fingerprint([tokenizer_digest(self.tokenizer), self.tokenizer.chat_template, list(self.prefix)])

    def inside(self, choice: Switch, field: str) -> TextEncoding:
        """Return the encoding with or without the base's chat template.

        Args:
            choice: whether to use the template; `auto`: if the base has one.
            field: name of the field that holds the choice, for error messages.

        Raises:
            FieldError: a template is required, and the base has none.
        """
        if choice == "on" and not self.tokenizer.chat_template:
            raise FieldError(
                field,
                "must be auto or off here: the tokenizer of the base has no chat template.",
                code="no-chat-template",
            )
        if choice != "off":
            return self
        tokenizer = copy(self.tokenizer)
        tokenizer.chat_template = None
        return TextEncoding(tokenizer, self.prefix)

    def plain(self, text: str) -> list[int]:
        """Tokens of a text without special tokens before or after it."""
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return tokens

    def encode(self, text: str) -> list[int]:
        """Tokens of a text with the prefix, which a chat template may already have written."""
        return self.with_prefix(self.plain(text))

    def with_prefix(self, tokens: Sequence[int]) -> list[int]:
        """Prepend the prefix to tokens, unless they already begin with it."""
        starts = tuple(tokens[: len(self.prefix)]) == self.prefix
        return list(tokens) if starts else [*self.prefix, *tokens]


def own_prefix(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Special tokens that a tokenizer puts before a text by default."""
    plain = list(tokenizer(_PROBE, add_special_tokens=False)["input_ids"])
    whole = list(tokenizer(_PROBE)["input_ids"])
    for start in range(len(whole) - len(plain) + 1):
        if whole[start : start + len(plain)] == plain:
            return tuple(whole[:start])
    return ()


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Hash of a tokenizer without its chat template: vocabulary, merges, rules, special tokens.

    The padding token is left out: lm-eval sets one if there is none, and no text contains it.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        file = Path(getattr(tokenizer, "vocab_file", None) or "")
        content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        rules: object = [sorted(tokenizer.get_vocab().items()), content]
    else:  # the part before `added_tokens` holds the truncation and padding of the last call
        rules = str(backend.to_str()).partition('"added_tokens"')[2]
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if name != "pad_token"}
    return fingerprint([type(tokenizer).__name__, rules, special])
