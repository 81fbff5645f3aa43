from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.bases.encoding import TextEncoding
from objectives.data import tokens as module
from objectives.data.tokens import TokenStore, split_at, tokenize, training_part
from spaces import Corpus

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Letters:
    """A tokenizer whose tokens are the characters' numbers, and which counts its calls."""

    chat_template = None
    special_tokens_map: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        self.calls = 0

    def get_vocab(self) -> dict[str, int]:
        return {"a": 0}

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, Any]:
        assert not add_special_tokens
        self.calls += 1
        return {"input_ids": [ord(letter) for letter in text]}


def encoding(letters: Letters) -> TextEncoding:
    return TextEncoding(cast("PreTrainedTokenizerBase", letters))


@given(content=st.text(min_size=1, max_size=300), kept=st.floats(0.01, 0.99))
def test_a_split_loses_nothing(content: str, kept: float) -> None:
    place = split_at(content, kept)
    assert 0 <= place <= len(content)
    assert content[:place] + content[place:] == content


def test_a_split_falls_on_a_line_start() -> None:
    content = "one\ntwo\nthree\nfour\n"
    assert content[split_at(content, 0.3) :] == "three\nfour\n"


def test_a_split_of_one_long_line_falls_on_a_word_near_the_share() -> None:
    content = "A title\n" + "word after word " * 2000
    place = split_at(content, 0.2)
    assert abs(place / len(content) - 0.8) < 0.01
    assert content[place - 1] == " "


def test_what_is_held_out_is_not_trained_on(corpus: Corpus) -> None:
    whole = corpus["alpha"].read()
    part = training_part(corpus["alpha"], 0.5)
    assert whole.startswith(part)
    assert len(part) < len(whole)
    assert training_part(corpus["alpha"], 0.0) == whole


def test_tokens_are_made_once_and_read_again(corpus: Corpus, tmp_path: Path) -> None:
    letters = Letters()
    store = TokenStore(encoding(letters), tmp_path / "cache", {})
    first = store(corpus["alpha"])
    again = TokenStore(encoding(letters), tmp_path / "cache", {})(corpus["alpha"])
    assert letters.calls == 1
    assert (np.asarray(first) == np.asarray(again)).all()
    assert "".join(map(chr, first)) == corpus["alpha"].read()


def test_another_share_is_another_array(corpus: Corpus, tmp_path: Path) -> None:
    letters = Letters()
    whole = TokenStore(encoding(letters), tmp_path, {})(corpus["alpha"])
    part = TokenStore(encoding(letters), tmp_path, {"alpha": 0.5})(corpus["alpha"])
    assert len(part) < len(whole)


def test_a_long_text_is_cut_at_line_ends_and_joined_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", 10)
    letters = Letters()
    content = "ab cd ef\ngh\nijklmnopqrstuvwxyz\n" * 3
    found = tokenize(letters, content)
    assert "".join(map(chr, found)) == content
    assert letters.calls > 5


def test_counting_fills_in_the_corpus(corpus: Corpus, tmp_path: Path) -> None:
    counted = TokenStore(encoding(Letters()), tmp_path, {}).counted(corpus)
    assert counted["alpha"].tokens == len(corpus["alpha"].read())
    assert counted.fingerprint == corpus.fingerprint
