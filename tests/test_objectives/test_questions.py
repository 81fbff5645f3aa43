"""Laws of the split into halves, and of the errors of weighted, clustered means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from objectives.questions import ItemWeights, QuestionSubset, select

_CLUSTERS = st.lists(st.integers(0, 30).map(str), min_size=2, max_size=60)


@given(_CLUSTERS, st.sampled_from([0.2, 0.5, 0.7]), st.integers(0, 5))
def test_the_halves_share_no_passage_and_miss_no_question(clusters: list[str], holdout: float, seed: int) -> None:
    search = select(clusters, QuestionSubset("search"), holdout, seed)
    kept = select(clusters, QuestionSubset("holdout"), holdout, seed)
    assert sorted(search + kept) == list(range(len(clusters)))
    assert not {clusters[index] for index in search} & {clusters[index] for index in kept}
    assert search == sorted(search)


@given(_CLUSTERS, st.sampled_from([(0.1, 0.4), (0.4, 0.9), (0.5, 1.0)]), st.integers(0, 5))
def test_a_smaller_share_lies_within_a_larger_one(clusters: list[str], shares: tuple[float, float], seed: int) -> None:
    small, large = (select(clusters, QuestionSubset("search", share), 0.5, seed) for share in shares)
    assert set(small) <= set(large) <= set(select(clusters, QuestionSubset("search"), 0.5, seed))
    assert small


@given(st.permutations([str(i) for i in range(40)]))
def test_the_split_is_of_the_content_and_not_of_the_order(clusters: list[str]) -> None:
    kept = {clusters[index] for index in select(clusters, QuestionSubset("holdout"), 0.5, 0)}
    usual = [str(i) for i in range(40)]
    assert kept == {usual[index] for index in select(usual, QuestionSubset("holdout"), 0.5, 0)}
    assert len(kept) == 20


def test_another_seed_is_another_split() -> None:
    clusters = [str(i) for i in range(40)]
    assert select(clusters, QuestionSubset(), 0.5, 0) != select(clusters, QuestionSubset(), 0.5, 1)


def test_a_single_question_is_the_searchs() -> None:
    assert select(["one"], QuestionSubset("search"), 0.9, 0) == [0]
    assert select(["one"], QuestionSubset("holdout"), 0.9, 0) == []


def test_of_equal_questions_the_error_is_the_usual_one() -> None:
    items = np.random.default_rng(0).normal(size=50)
    design = ItemWeights.of([0] * 50, range(50), [1.0] * 50)
    assert design.mean(items) == pytest.approx(items.mean())
    assert design.stderr(items) == pytest.approx(items.std(ddof=1) / math.sqrt(50))
    assert design.variance(items)[1] == pytest.approx(49)


def test_tasks_count_by_their_weights_and_their_errors_add_up() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, 30), rng.normal(5, 2, 60)
    design = ItemWeights.of([0] * 30 + [1] * 60, range(90), [3 / 30] * 30 + [1 / 60] * 60)
    items = np.concatenate([first, second])
    assert design.mean(items) == pytest.approx(0.75 * first.mean() + 0.25 * second.mean())
    expected = math.hypot(0.75 * first.std(ddof=1) / math.sqrt(30), 0.25 * second.std(ddof=1) / math.sqrt(60))
    assert design.stderr(items) == pytest.approx(expected)


def test_copies_of_a_question_say_no_more_than_one() -> None:
    items = np.random.default_rng(2).normal(size=40)
    alone = ItemWeights.of([0] * 40, range(40), [1.0] * 40)
    thrice = ItemWeights.of([0] * 120, [i // 3 for i in range(120)], [1.0] * 120)
    assert thrice.stderr(np.repeat(items, 3)) == pytest.approx(alone.stderr(items))


def test_clustered_errors_hold_on_planted_passages() -> None:
    """Five questions on each of 30 passages whose difficulty is shared: 95% intervals cover in 92 to 98 of 100."""
    rng = np.random.default_rng(3)
    design = ItemWeights.of([0] * 150, [i // 5 for i in range(150)], [1.0] * 150)
    naive = ItemWeights.of([0] * 150, range(150), [1.0] * 150)
    items = [np.repeat(rng.normal(0, 1, 30), 5) + rng.normal(0, 0.5, 150) for _ in range(600)]
    assert 0.92 < np.mean([abs(design.mean(each)) < 2.045 * design.stderr(each) for each in items]) < 0.98
    assert np.mean([abs(naive.mean(each)) < 1.98 * naive.stderr(each) for each in items]) < 0.75


@pytest.mark.parametrize("sizes", [(3, 500), (10, 500)])
def test_intervals_hold_where_one_task_is_small(sizes: tuple[int, int]) -> None:
    """Two tasks of equal weight: the small one decides how sure one can be."""
    rng = np.random.default_rng(5)
    small, large = sizes
    numbers = [0] * small + [1] * large
    design = ItemWeights.of(numbers, range(small + large), [1 / sizes[task] for task in numbers])
    covered = []
    for _ in range(500):
        items = rng.normal(size=small + large)
        variance, freedom = design.variance(items)
        covered.append(abs(design.mean(items)) < student.ppf(0.975, freedom) * variance**0.5)
    assert np.mean(covered) > 0.92


def test_intervals_hold_where_one_passage_has_most_questions() -> None:
    rng = np.random.default_rng(6)
    clusters = [0] * 100 + list(range(1, 51))
    design = ItemWeights.of([0] * 150, clusters, [1.0] * 150)
    covered = []
    for _ in range(500):
        items = rng.normal(size=51)[clusters] + rng.normal(0, 0.3, 150)
        variance, freedom = design.variance(items)
        covered.append(abs(design.mean(items)) < student.ppf(0.975, freedom) * variance**0.5)
    assert np.mean(covered) > 0.9


def test_pairing_takes_out_what_questions_have_in_common() -> None:
    rng = np.random.default_rng(4)
    hardness, gain = rng.normal(0, 1, 200), 0.1
    base, model = hardness + rng.normal(0, 0.1, 200), hardness + gain + rng.normal(0, 0.1, 200)
    design = ItemWeights.of([0] * 200, range(200), [1.0] * 200)
    assert design.stderr(model - base) < 0.25 * design.stderr(model)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.floats(0.1, 3)), min_size=1, max_size=20))
def test_a_design_survives_json(rows: list[tuple[int, int, float]]) -> None:
    design = ItemWeights.of([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    again = ItemWeights.from_dict(design.to_dict())
    items = np.arange(len(rows), dtype=float)
    assert (again.mean(items), again.stderr(items)) == (design.mean(items), design.stderr(items))
    assert design.weights.sum() == pytest.approx(1)
