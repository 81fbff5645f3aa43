"""The identity of a base: hashes of everything that determines its tokens and its answers."""

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
"""Files other than the weights that determine how a base treats a text."""
_CHUNK = 1 << 20
_SAMPLES = 64
"""Number of chunks of a large file that are hashed, spread evenly over the file."""
FILES = "the base"
"""Row of `BaseIdentity.rows` for the hash of the files, which exports and hypernetworks store too."""
SPECIAL_TOKENS = "special tokens before every text"
"""Row of `BaseIdentity.rows` for the special tokens as text."""
NEWER = ("the base's weights", "the base's tokenizer", "the base's chat template", SPECIAL_TOKENS)
"""Rows that studies of earlier versions did not store."""


@dataclass(frozen=True, slots=True)
class BaseIdentity:
    """Hashes of a base's parts; two bases with equal hashes have equal scores."""

    files: str
    """Hash of the configuration, the tokenizer files, and the beginning and end of each file of weights."""
    weights: str
    """Hash of the weights, sampled over their whole length."""
    tokenizer: str
    """Hash of the loaded tokenizer without its chat template."""
    chat_template: str
    """Hash of the chat template."""
    prefix: str
    """Special tokens before every text, as text; empty if there are none."""

    @classmethod
    def of(cls, folder: Path, shards: Sequence[str], code: Sequence[str], encoding: TextEncoding) -> BaseIdentity:
        """Compute the identity of a base.

        Args:
            folder: folder of the base's files.
            shards: names of the files that hold weights.
            code: names of the base's Python files that are run.
            encoding: encoding of the base.
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
        """Whether a stored hash is the one of this base; older versions stored the hash of the files alone."""
        return digest in (self.digest, self.files)

    def rows(self) -> Mapping[str, str]:
        """Hash of each part, by the part's name in messages."""
        return {
            FILES: self.files,
            "the base's weights": self.weights,
            "the base's tokenizer": self.tokenizer,
            "the base's chat template": self.chat_template,
            SPECIAL_TOKENS: self.prefix or "none",
        }


def _ends(path: Path) -> tuple[int, str]:
    """Size of a file in bytes, and a hash of its first and last megabyte."""
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(_CHUNK))
        file.seek(max(0, size - _CHUNK))
        digest.update(file.read())
    return size, digest.hexdigest()


def _sampled(path: Path) -> str:
    """Hash of a file's size and of evenly spaced chunks; a file of 64 MB or less is hashed whole."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    step = max(_CHUNK, size // _SAMPLES)
    with path.open("rb") as file:
        for offset in range(0, size, step):
            file.seek(offset)
            digest.update(file.read(_CHUNK))
    return digest.hexdigest()[:32]
