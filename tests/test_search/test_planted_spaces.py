"""The product's searcher on spaces whose best trial is known: the planted part of `make bench-search`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from tests.benchmarks.search_regret.planted import Problem, crossing, settings, shares, subsets
from tests.benchmarks.search_regret.studies import study_of

PROBLEMS = [partial(subsets, 4), partial(shares, 4), settings, crossing]


@pytest.mark.parametrize("make", PROBLEMS)
def test_no_trial_of_a_planted_space_beats_its_best(make: Callable[[int], Problem]) -> None:
    for seed in range(3):
        course = study_of(make(seed), seed, trials=40, sampler="random", pruner="none")
        assert course.regret.min() > -1e-9
        assert course.saved == 0


def test_a_small_space_is_searched_to_its_end() -> None:
    assert study_of(subsets(4, 0), 0, trials=80, sampler="tpe", pruner="none").after(80) < 0.02


@pytest.mark.parametrize("pruner", ["none", "asha"])
def test_a_study_knows_its_regret_and_what_it_spent(pruner: str) -> None:
    course = study_of(subsets(4, 0), 0, trials=20, sampler="random", pruner=pruner)
    assert (np.diff(course.tokens) > 0).all()
    assert (course.saved > 0) == (pruner == "asha")
    assert (course.saved_of_guided > 0) == (pruner == "asha")
    assert course.regret.min() >= 0
    assert course.for_tokens(20) == course.after(20)
