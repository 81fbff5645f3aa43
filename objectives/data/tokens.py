"""Tokens of the texts: counted and cached once, read by every worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from objectives.data.chat import RULES, encoded, examples_of
from spaces import Corpus, Text
from spaces.corpus import JSON_LINES, lines_of, read_file
from spaces.files import whole
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from objectives.bases.encoding import TextEncoding

Tokens = NDArray[np.int32]

UNLEARNED = -100
"""Label of a token that is not in the loss, torch's default `ignore_index`."""
_NEAR = 200
"""Characters before the split point that are searched for a line or word boundary, at least."""
_PIECE = 1_000_000
"""Characters tokenized at once; a longer text is cut at a line end to bound memory."""


class TokenStore:
    """Token arrays by text, cached in a folder and memory-mapped.

    The file name is a hash of the text, the encoding (tokenizer, chat template, special tokens) and the held-out share,
    so a stale array is never read.
    """

    def __init__(self, encoding: TextEncoding, cache: Path, kept: Mapping[str, float]) -> None:
        """Store the settings; tokens are computed on first use.

        Args:
            encoding: encoding of the base.
            cache: a folder that may be emptied at any time.
            kept: share of each text's end that is held out from training, by text name.
        """
        self._tokenizer = encoding.tokenizer
        self.prefix = encoding.prefix
        self._cache = cache
        self._kept = kept
        self._encoding = encoding.digest

    def __call__(self, text: Text) -> Tokens:
        """Training tokens of a text, shape (tokens,); `split` separates the learned ones from the others."""
        kept = self._kept.get(text.name, 0.0)
        path = self._cache / f"{fingerprint([text.sha256, self._encoding, kept, RULES])}.npy"
        if not path.is_file():
            tokens = (
                self._instructions(text) if text.instructs else tokenize(self._tokenizer, training_part(text, kept))
            )
            with whole(path, shared=True) as unfinished, unfinished.open("wb") as file:
                np.save(file, tokens)
        loaded: Tokens = np.load(path, mmap_mode="r")
        return loaded

    def _instructions(self, text: Text) -> Tokens:
        """Tokens of a text that contains instructions; those that are read but not learned are marked."""
        return np.concatenate([part for path in text.files for part in _parts(path, self._tokenizer)])

    def counted(self, corpus: Corpus) -> Corpus:
        """Return the corpus with the training tokens of every text counted."""
        return corpus.counted(lambda text: len(self(text)))


def _parts(path: Path, tokenizer: PreTrainedTokenizerBase) -> Iterator[Tokens]:
    """Yield the tokens of a file piece by piece; those that are not learned are stored as their complement, ~token."""
    if path.suffix.lower() != JSON_LINES:
        yield tokenize(tokenizer, read_file(path))
        return
    for line in lines_of(path):
        if line.messages:
            yield from (encoded(example, tokenizer) for example in examples_of(line, tokenizer, path))
        else:
            yield tokenize(tokenizer, f"{line.text}\n\n")


def split(tokens: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split stored tokens into input tokens and labels; the label of a token stored as ~token is `UNLEARNED`."""
    return np.where(tokens < 0, ~tokens, tokens), np.where(tokens < 0, UNLEARNED, tokens)


def split_at(content: str, kept: float) -> int:
    """Return the character at which a text is split into a training part and a last part of the share `kept`.

    The split is at the last start of a line, or else of a word, shortly before that share.
    """
    wanted = round(len(content) * (1 - kept))
    near = max(0, wanted - max(_NEAR, len(content) // 100))
    return content.rfind("\n", near, wanted) + 1 or content.rfind(" ", near, wanted) + 1 or wanted


def training_part(text: Text, kept: float) -> str:
    """Return the part of a text that trials may train on: all but the last share `kept`."""
    content = text.read()
    return content[: split_at(content, kept)] if kept else content


def tokenize(tokenizer: PreTrainedTokenizerBase, content: str) -> Tokens:
    """Tokens of a text without special tokens, shape (tokens,)."""
    pieces = []
    start = 0
    while start < len(content):
        end = start + _PIECE
        if end < len(content):
            end = content.rfind("\n", start, end) + 1 or end
        pieces.append(tokenizer(content[start:end], add_special_tokens=False)["input_ids"])
        start = end
    return np.concatenate([np.asarray(piece, dtype=np.int32) for piece in pieces]) if pieces else np.empty(0, np.int32)
