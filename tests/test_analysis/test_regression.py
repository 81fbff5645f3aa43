from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
