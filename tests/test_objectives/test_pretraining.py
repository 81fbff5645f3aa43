"""Base models from nothing: the n-gram to beat, and runs that go on as if nothing had happened."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.pretraining.ngram import ByteModel
from spaces import Corpus, scan
from tests.support.refusals import refused

if TYPE_CHECKING:
    from objectives.pretraining.run import Pretraining

TEXT = st.text("abcäж \n", min_size=1, max_size=60)


@given(text=TEXT, start=TEXT, context=st.integers(0, 7))
def test_probabilities_of_all_next_bytes_sum_to_one(text: str, start: str, context: int) -> None:
    model = ByteModel.of([text], context)
    before = np.frombuffer(start.encode(), np.uint8)
    total = math.fsum(model._probabilities(np.append(before, np.uint8(byte)))[-1] for byte in range(256))
    assert total == pytest.approx(1)


def test_an_ngram_model_knows_what_it_has_read() -> None:
    read, unread = "the cat sat on the mat. " * 40, "qzx jkv wpf! " * 20
    bits = [ByteModel.of([read], context).bits_per_byte([read]) for context in range(6)]
    assert bits == sorted(bits, reverse=True), "more context, fewer bits"
    assert bits[-1] < 0.2
    assert ByteModel.of([read]).bits_per_byte([unread]) > 8
    assert ByteModel.of([]).bits_per_byte(["a"]) == 8, "without any text all bytes are alike"


def test_witten_and_bell_by_hand() -> None:
    # after `a` came b twice: p(b|a) = (2 + 1 p(b)) / (2 + 1), and p(b) = (2 + 2 / 256) / (4 + 2)
    model = ByteModel.of(["abab"], 1)
    expected = (2 + (2 + 2 / 256) / 6) / 3
    assert model._probabilities(np.frombuffer(b"ab", np.uint8))[1] == pytest.approx(expected)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("texts")
    for name in ("ants", "bees"):
        (folder / f"{name}.txt").write_text(
            "".join(f"{i % 7} {name} met {i % 5} more at the hill.\n" for i in range(400))
        )
    return scan(folder)


Begin = Callable[..., "Pretraining"]


@pytest.fixture
def begin(texts: Corpus, tmp_path: Path) -> Begin:
    """Begins the same small run again and again."""
    from objectives.pretraining.recipe import PretrainRecipe
    from objectives.pretraining.run import Pretraining, prepare

    recipe = PretrainRecipe(
        vocabulary=300, width=16, layers=2, heads=2, mlp=32, context=32, length=16, batch=2, steps=40, warmup=4
    )

    def begun(**fields: int) -> Pretraining:
        changed = replace(recipe, **fields)
        tokenizer, tokens, heldout = prepare(texts, changed, tmp_path, tmp_path / "tokenizer")
        return Pretraining(changed, tokenizer, tokens, heldout, "cpu")

    return begun


def quiet(step: int, loss: float) -> None:
    pass


@pytest.mark.torch
def test_a_run_learns_and_keeps_its_best_weights(begin: Begin, tmp_path: Path) -> None:
    run = begin(steps=100)
    measured = list(run.run(tmp_path, quiet))
    assert [each.step for each in measured] == list(range(5, 101, 5))
    assert measured[-1].bits_per_byte < 0.8 * measured[0].bits_per_byte
    assert measured[-1].tokens == 100 * 32
    run.take_best(tmp_path)
    assert run.measure() == pytest.approx(run.best.bits_per_byte)


@pytest.mark.torch
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_a_run_that_was_cut_off_ends_with_the_same_weights(begin: Begin, tmp_path: Path, rows: int) -> None:
    import torch

    whole = begin()
    (tmp_path / "whole").mkdir()
    expected = list(whole.run(tmp_path / "whole", quiet))
    cut = begin()
    told = cut.run(tmp_path, quiet)
    for _ in range(rows):
        next(told)
    again = begin()
    again.restore(tmp_path)
    assert again.step == 2 * rows
    list(again.run(tmp_path, quiet))
    assert again.log == expected
    pairs = zip(whole.model.parameters(), again.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.torch
def test_a_run_that_does_not_become_better_ends(begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin()
    found = iter([3.0, 2.0, 2.5, 2.5, 2.0, 2.1, 1.0])
    monkeypatch.setattr(run, "measure", lambda: next(found))
    measured = list(run.run(tmp_path, quiet))
    assert [each.bits_per_byte for each in measured] == [3.0, 2.0, 2.5, 2.5, 2.0, 2.1]
    assert run.ended
    assert run.best.step == 4


@pytest.mark.torch
def test_a_loss_that_is_no_number_ends_with_an_error(begin: Begin, tmp_path: Path) -> None:
    import torch

    run = begin()
    with torch.no_grad():
        next(run.model.parameters()).fill_(math.nan)
    with refused("loss-diverged", "steps 0 and 1", "--seed"):
        list(run.run(tmp_path, quiet))
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.torch
def test_held_out_text_is_the_end_of_every_text_and_not_trained_on(texts: Corpus) -> None:
    from objectives.pretraining.run import Material

    material = Material.of(texts)
    for text, training, heldout in zip(texts.texts, material.training, material.heldout, strict=True):
        assert training + heldout == text.read()
        assert 0.03 < len(heldout) / len(text.read()) < 0.07


@pytest.mark.torch
def test_too_little_text_is_refused(tmp_path: Path) -> None:
    from objectives.pretraining.run import SIZES, prepare

    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text("a few words\n")
    corpus = scan(tmp_path / "texts", fewest=1)
    with refused("texts-too-short", "512"):
        prepare(corpus, SIZES["1M"], tmp_path, tmp_path / "tokenizer")


@pytest.mark.torch
@pytest.mark.parametrize("size", ["1M", "5M", "20M"])
def test_sizes_have_about_the_parameters_of_their_names(size: str) -> None:
    import torch

    from objectives.pretraining.model import build_model
    from objectives.pretraining.run import SIZES

    with torch.device("meta"):
        model = build_model(SIZES[size], SIZES[size].vocabulary)
    millions = sum(weight.numel() for weight in model.parameters()) / 1e6
    assert millions == pytest.approx(int(size.removesuffix("M")), rel=0.1)
