from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.designs import BalancedAssignments
from studies.analysis.regression import Estimate, fits, least_squares


def test_of_a_single_column_of_ones_it_is_the_mean_with_its_usual_error() -> None:
    values = np.random.default_rng(0).normal(1, 2, 12)
    (mean,) = least_squares(np.ones((12, 1)), values)
    assert mean.value == pytest.approx(values.mean())
    assert mean.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(12))
    assert mean.freedom == pytest.approx(11)


def test_of_two_groups_it_is_the_test_of_welch() -> None:
    """HC2 is Welch's variance, and Bell and McCaffrey's freedom is his for groups of equal size and spread."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, 8), rng.normal(1, 5, 8)
    columns = np.column_stack([np.ones(16), [0.0] * 8 + [1.0] * 8])
    difference = least_squares(columns, np.concatenate([one, other]))[1]
    assert difference.value == pytest.approx(other.mean() - one.mean())
    assert difference.stderr == pytest.approx(math.sqrt(one.var(ddof=1) / 8 + other.var(ddof=1) / 8))
    assert difference.freedom == pytest.approx(14)


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(3, 12))
def test_signs_of_a_column_turn_its_coefficient_and_nothing_else(seed: int, number: int, spare: int) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.choice((-1.0, 1.0), (number + spare, number))
    if not fits(columns, 2):
        return
    outcomes = rng.normal(0, 1, number + spare)
    turned = columns * np.array([-1.0] + [1.0] * (number - 1))
    before, after = least_squares(columns, outcomes), least_squares(turned, outcomes)
    assert after[0].value == pytest.approx(-before[0].value)
    for one, other in zip(before, after, strict=True):
        assert one.stderr == pytest.approx(other.stderr)
        assert one.freedom == pytest.approx(other.freedom)
        assert 0 < one.freedom <= number + spare


def test_too_few_rows_and_repeated_columns_do_not_fit() -> None:
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert fits(signs, 2)
    assert not fits(signs, 3)
    assert not fits(signs[:, [0, 0]], 1)


def test_an_estimate_without_an_error_has_no_interval() -> None:
    assert Estimate(1.0, math.inf, 1).interval() == (-math.inf, math.inf)
    assert Estimate(1.0, math.inf, 1).p == 1


def test_rounding_errors_are_no_effects() -> None:
    """A perfect fit: the first column explains all, the others nothing."""
    columns = np.random.default_rng(0).choice((-1.0, 1.0), (20, 4))
    first, *others = least_squares(columns, 0.1 * columns[:, 0])
    assert first.p < 1e-9
    assert all(other.p > 0.5 for other in others)


def test_outcomes_that_are_all_the_same_say_nothing_of_their_spread() -> None:
    (mean,) = least_squares(np.ones((3, 1)), np.full(3, 0.05))
    assert mean.value == pytest.approx(0.05)
    assert mean.interval() == (-math.inf, math.inf)


def test_heavy_tails_widen_an_interval_and_light_ones_leave_it_as_it_is() -> None:
    rng = np.random.default_rng(0)
    columns = rng.choice((-1.0, 1.0), (40, 3))
    even, heavy = rng.choice((-1.0, 1.0), 40), rng.standard_t(2, 40)
    for outcomes, wider in ((even, False), (heavy, True)):
        plain, careful = least_squares(columns, outcomes), least_squares(columns, outcomes, tails=True)
        for one, other in zip(plain, careful, strict=True):
            assert other.value == one.value
            assert (other.stderr > 1.01 * one.stderr) is wider
            assert other.freedom <= one.freedom


def test_where_few_texts_are_far_worse_than_many_intervals_hold() -> None:
    """Every text halves what is missing: the differences of pairs are nearly all small, and a few are large."""
    texts, pairs = 10, 40
    bits = (np.arange(2**texts)[:, None] >> np.arange(texts)) & 1
    values = -(0.5 ** bits.sum(axis=1))
    truth = 2 * (2 * bits - 1).T @ values / len(values)
    held: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(60):
        design = BalancedAssignments(texts, seed)
        drawn = np.array([design.draw(pair) for pair in range(pairs)])
        first, second = (values[mixes @ (1 << np.arange(texts))] for mixes in (drawn, 1 - drawn))
        differences = first - second + np.random.default_rng(seed).normal(0, 0.1 * values.std(), pairs)
        for tails, found in held.items():
            ends = np.array([e.interval() for e in least_squares(2.0 * drawn - 1, differences, tails=tails)])
            found.append(float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))))
    assert np.mean(held[True]) > 0.925
    assert np.mean(held[True]) > np.mean(held[False]) + 0.01
