from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.data.order import MixStream
from spaces import CorpusMix

LENGTH = 8


def texts(sizes: list[int]) -> dict[str, np.ndarray]:
    """Token arrays in which every token tells its text and place: text * 10,000 + position."""
    return {f"t{i}": (10_000 * i + np.arange(size)).astype(np.int32) for i, size in enumerate(sizes)}


def stream(sizes: list[int], total: int, seed: int = 0, weights: list[float] | None = None) -> MixStream:
    tokens = texts(sizes)
    mix = CorpusMix.equal(tokens) if weights is None else CorpusMix(tuple(zip(tokens, weights, strict=True)))
    return MixStream(mix, tokens, LENGTH, total, seed)


_sizes = st.lists(st.integers(LENGTH + 1, 200), min_size=1, max_size=6)


@given(sizes=_sizes, total=st.integers(1, 120), seed=st.integers(0, 1000))
def test_every_sequence_is_a_window_of_one_text(sizes: list[int], total: int, seed: int) -> None:
    batch = stream(sizes, total, seed).batch(0, total)
    assert batch.shape == (total, LENGTH)
    for row in batch:
        text, start = divmod(int(row[0]), 10_000)
        assert (row == 10_000 * text + start + np.arange(LENGTH)).all()
        assert start + LENGTH <= sizes[text]


@given(
    weights=st.one_of(
        st.integers(2, 8).map(lambda count: [1.0] * count), st.lists(st.floats(0.05, 1), min_size=2, max_size=6)
    ),
    total=st.integers(1, 150),
    seed=st.integers(0, 1000),
)
def test_at_every_point_each_text_has_its_share_to_within_a_sequence_or_two(
    weights: list[float], total: int, seed: int
) -> None:
    shares = np.array(weights) / sum(weights)
    rows = stream([100] * len(weights), total, seed, list(shares)).batch(0, total)
    drawn = np.eye(len(weights))[rows[:, 0] // 10_000].cumsum(axis=0)
    due = np.arange(1, total + 1)[:, None] * shares
    equal = len(set(weights)) == 1
    assert np.abs(drawn - due).max() <= (1 + 1e-9 if equal or len(weights) == 2 else 2)
    assert (np.abs(drawn - due) < len(weights) - 0.5).all()


@given(sizes=_sizes, seed=st.integers(0, 1000), start=st.integers(0, 30), size=st.integers(1, 30))
def test_a_sequence_depends_on_seed_and_position_alone(sizes: list[int], seed: int, start: int, size: int) -> None:
    whole = stream(sizes, 60, seed).batch(0, 60)
    assert (stream(sizes, 60, seed).batch(start, size) == whole[start : start + size]).all()


def test_other_seeds_give_another_order() -> None:
    assert (stream([100, 100], 20, seed=1).batch(0, 20) != stream([100, 100], 20, seed=2).batch(0, 20)).any()


def test_a_text_is_read_through_before_it_is_repeated() -> None:
    one = stream([80], 18)
    epoch = one.batch(0, 9)[:, 0]
    assert len(set(epoch)) == 9
    assert len(set(one.batch(9, 9)[:, 0])) == 9


def test_a_short_text_is_repeated_and_its_epochs_counted() -> None:
    both = stream([16, 160], 40)
    assert both.epochs(40) == {"t0": pytest.approx(20 * 8 / 16), "t1": pytest.approx(20 * 8 / 160)}
    assert both.epochs(0) == {"t0": 0, "t1": 0}


def test_equal_texts_get_equal_tokens_whatever_their_size() -> None:
    rows = stream([20, 200, 90], 90).batch(0, 90)
    assert np.bincount(rows[:, 0] // 10_000).tolist() == [30, 30, 30]
