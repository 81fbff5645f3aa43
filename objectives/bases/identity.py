"""The identity of a base: everything that decides what a text becomes and what the model answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from objectives.bases.encoding import tokenizer_digest
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from objectives.bases.encoding import TextEncoding

_SMALL_FILES = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "merges.txt"),
)
"""Files beside the weights that decide what a base does with a text."""
_CHUNK = 1 << 20
_SAMPLES = 64
"""Chunks of a large file that count, spread evenly over it."""
FILES = "the base"
"""Row of `BaseIdentity.rows` for the hash of its files, which exports and hypernetworks keep, too."""
SPECIAL_TOKENS = "special tokens before every text"
"""Row for the tokens themselves, as they are written."""
NEWER = ("the base's weights", "the base's tokenizer", "the base's chat template", SPECIAL_TOKENS)
"""Rows that studies of earlier versions did not store."""


@dataclass(frozen=True, slots=True)
class BaseIdentity:
    """Hashes of a base's parts; two bases with equal ones cannot be told apart by any score."""

    files: str
    """Configuration, tokenizer files and the ends of the weights."""
    weights: str
    """Weights, sampled over their whole length."""
    tokenizer: str
    """Tokenizer as it works once loaded, apart from its chat template."""
    chat_template: str
    prefix: str
    """Special tokens before every text, as they are written; empty where there are none."""

    @classmethod
    def of(cls, folder: Path, shards: Sequence[str], code: Sequence[str], encoding: TextEncoding) -> BaseIdentity:
        """Read the identity of a base.

        Args:
            folder: its files.
            shards: names of those that hold weights.
            code: names of Python files that come with it and are run.
            encoding: how it turns text into tokens.
        """
        files = (folder / name for name in sorted({*shards, *_SMALL_FILES, *code}))
        return cls(
            files=fingerprint([[path.name, *_ends(path)] for path in files if path.is_file()]),
            weights=fingerprint([[name, _sampled(folder / name)] for name in sorted(shards)]),
            tokenizer=tokenizer_digest(encoding.tokenizer),
            chat_template=fingerprint(encoding.tokenizer.chat_template),
            prefix=encoding.shown_prefix,
        )

    @property
    def digest(self) -> str:
        """Hash of all parts."""
        return fingerprint(dict(self.rows()))

    def matches(self, digest: str) -> bool:
        """Whether a hash that was kept is this base's; older versions kept that of its files alone."""
        return digest in (self.digest, self.files)

    def rows(self) -> Mapping[str, str]:
        """Name of each part, for messages, to its hash."""
        return {
            FILES: self.files,
            "the base's weights": self.weights,
            "the base's tokenizer": self.tokenizer,
            "the base's chat template": self.chat_template,
            SPECIAL_TOKENS: self.prefix or "none",
        }


def _ends(path: Path) -> tuple[int, str]:
    """A file's size, and a hash of its first and last megabyte."""
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_CHUNK))
        file.seek(max(0, size - _CHUNK))
        digest.update(file.read())
    return size, digest.hexdigest()


def _sampled(path: Path) -> str:
    """Hash of a file's size and of chunks from all over it; the whole of a file of 64 MB or less."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    step = max(_CHUNK, size // _SAMPLES)
    with path.open("rb") as file:
        for place in range(0, size, step):
            file.seek(place)
            digest.update(file.read(_CHUNK))
    return digest.hexdigest()[:32]
