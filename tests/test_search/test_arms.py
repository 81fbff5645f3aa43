from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.arms import wants_randomized
from search.designs import BalancedAssignments


def _block(texts: int, seed: int, block: int = 0) -> np.ndarray:
    coins = BalancedAssignments(texts, seed)
    rows = 1 << max(2, texts.bit_length())
    return np.array([coins.draw(block * rows + row) for row in range(rows)])


@given(texts=st.integers(1, 40), seed=st.integers(0, 2**31), block=st.integers(0, 5))
def test_over_a_block_every_text_is_in_half_of_the_mixes_and_no_two_go_together(
    texts: int, seed: int, block: int
) -> None:
    signs = 2 * _block(texts, seed, block) - 1
    rows = len(signs)
    assert (np.abs(signs.sum(axis=0)) == 0).all()
    assert (signs.T @ signs == rows * np.eye(texts)).all()


@given(texts=st.integers(1, 40), seed=st.integers(0, 2**31), pair=st.integers(0, 300))
def test_coins_depend_on_seed_and_pair_alone(texts: int, seed: int, pair: int) -> None:
    assert BalancedAssignments(texts, seed).draw(pair) == BalancedAssignments(texts, seed).draw(pair)


def test_over_seeds_every_single_coin_is_fair_and_every_two_are_independent() -> None:
    draws = np.array([BalancedAssignments(5, seed).draw(3) for seed in range(4000)])
    assert np.abs(draws.mean(axis=0) - 0.5).max() < 0.03
    assert np.abs(np.corrcoef(draws.T) - np.eye(5)).max() < 0.06


def test_blocks_differ() -> None:
    assert not (_block(6, 0, 0) == _block(6, 0, 1)).all()


@given(share=st.floats(0, 1), trials=st.integers(1, 200))
def test_the_share_is_kept_at_every_point(share: float, trials: int) -> None:
    randomized = guided = 0
    for _ in range(trials):
        if wants_randomized(randomized, guided, share):
            randomized += 1
        else:
            guided += 1
        assert abs(randomized - share * (randomized + guided)) <= 1
