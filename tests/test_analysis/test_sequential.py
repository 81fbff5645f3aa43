"""Confidence sequences and e-values: laws, and simulations in which intervals for one reading fail."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import t as student

from search.storage.records import TrialRecord
from studies.analysis import CONFIDENCE
from studies.analysis.effects import TextEffect, Verdict, text_effects
from studies.analysis.regression import Estimate
from studies.analysis.sequential import PRIOR_PAIRS, adjusted, e_value, reach
from tests.support.trials import additive, study

TEXTS = tuple("abcde")
LAST = 40
STUDIES = 80

freedoms = st.floats(1, 200)
numbers = st.floats(0.5, 200)
levels = st.floats(1e-4, 0.2)
e_values = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=6)


@pytest.mark.parametrize(("freedom", "pairs"), [(3, 5), (9, 15), (40, 50)])
def test_an_e_value_has_a_mean_of_one_without_an_effect(freedom: int, pairs: int) -> None:
    def weighted(t: float) -> float:
        return e_value(t, freedom, pairs) * float(student.pdf(t, freedom))

    assert 2 * quad(weighted, 0, np.inf, limit=200)[0] == pytest.approx(1, abs=1e-4)


def test_it_is_the_ratio_of_densities_with_and_without_a_drawn_effect() -> None:
    """The t statistic of a normal mean whose effect is drawn, simulated, has the density that the formula implies."""
    rng = np.random.default_rng(0)
    pairs, draws = 12, 200_000
    effects = rng.normal(0, 1 / math.sqrt(PRIOR_PAIRS), draws)
    values = effects[:, None] + rng.normal(size=(draws, pairs))
    t = np.abs(values.mean(axis=1) / (values.std(axis=1, ddof=1) / math.sqrt(pairs)))
    for low, high in ((0.0, 0.5), (2.0, 2.5), (5.0, 6.0)):
        middle, null = (low + high) / 2, 2 * (student.cdf(high, pairs - 1) - student.cdf(low, pairs - 1))
        share = float(((t >= low) & (t < high)).mean())
        assert share / null == pytest.approx(e_value(middle, pairs - 1, pairs), rel=0.1)


@given(levels, freedoms, numbers)
def test_the_reach_is_where_the_e_value_is_one_over_the_level(level: float, freedom: float, pairs: float) -> None:
    threshold = float(reach(level, freedom, pairs))
    if math.isinf(threshold):
        assert e_value(1e9, freedom, pairs) <= 1 / level * (1 + 1e-6)
    elif threshold < 1e6:
        assert e_value(threshold, freedom, pairs) == pytest.approx(1 / level, rel=1e-3)


@given(st.floats(-10, 10), st.floats(1e-3, 10), freedoms, numbers)
def test_a_sequence_holds_the_interval_for_one_reading(
    value: float, stderr: float, freedom: float, pairs: float
) -> None:
    estimate = Estimate(value, stderr, freedom, pairs)
    (low, high), (least, most) = estimate.interval(), estimate.sequence()
    assert least <= low <= high <= most


@given(st.integers(0, 200), st.floats(0.01, 100))
@settings(max_examples=25)
def test_scaled_outcomes_scale_the_sequences(seed: int, scale: float) -> None:
    formula = additive({"a": 0.2}, 0.1)
    plain = by_name(study(formula, 12, texts=TEXTS, seed=seed))
    scaled = by_name(study(lambda mix, rng: scale * formula(mix, rng), 12, texts=TEXTS, seed=seed))
    for text in TEXTS:
        assert scaled[text].low_anytime == pytest.approx(scale * plain[text].low_anytime, rel=1e-6, abs=1e-9)
        assert scaled[text].high_anytime == pytest.approx(scale * plain[text].high_anytime, rel=1e-6, abs=1e-9)
        assert scaled[text].adjusted_anytime == pytest.approx(plain[text].adjusted_anytime, rel=1e-6)


@given(e_values)
def test_adjusted_values_are_those_of_all_sets_of_texts(values: list[float]) -> None:
    """The definition of closed e-BH, over every set of texts; and each text found has evidence of its own."""
    found = adjusted(values)
    order = sorted(range(len(values)), key=lambda i: -values[i])
    best = [1.0] * len(values)
    for number in range(1, len(values) + 1):
        chosen = set(order[:number])
        level = max(
            len(chosen & set(some)) / number / (sum(values[i] for i in some) / size)
            for size in range(1, len(values) + 1)
            for some in combinations(range(len(values)), size)
        )
        level = max(level, *(1 / values[i] for i in chosen))
        for i in chosen:
            best[i] = min(best[i], level)
    assert found == pytest.approx(best)


@given(e_values)
def test_more_is_found_than_by_e_bh_which_finds_more_than_bonferroni(values: list[float]) -> None:
    number = len(values)
    ranked = sorted(values, reverse=True)
    for value, closed in zip(values, adjusted(values), strict=True):
        places = [k for k in range(1, number + 1) if ranked[k - 1] <= value]
        e_bh = min(1.0, *(number / (k * ranked[k - 1]) for k in places))
        assert closed <= e_bh + 1e-9 <= min(1.0, number / value) + 2e-9


def test_no_text_is_found_by_the_evidence_on_others() -> None:
    assert adjusted([1e9] * 29 + [1.0])[-1] == 1


def test_one_text_needs_no_correction() -> None:
    assert adjusted([40.0]) == pytest.approx([1 / 40])
    assert adjusted([]) == []


def test_without_an_interval_there_is_no_evidence() -> None:
    unknown = Estimate(1.0, math.inf, 1)
    assert unknown.e_value == 1
    assert unknown.sequence() == (-math.inf, math.inf)


def by_name(trials: list[TrialRecord]) -> dict[str, TextEffect]:
    return {effect.text: effect for effect in text_effects(trials, TEXTS)}


Noise = Callable[[set[str], np.random.Generator], float]
NOISES: dict[str, Noise] = {
    "normal": lambda _, rng: float(rng.normal()),
    "heavy tails": lambda _, rng: float(rng.standard_t(3)),
    "spread that changes": lambda _, rng: float(rng.normal() * math.exp(rng.normal())),
}


def read_after_every_pair(noise: Noise, seed: int) -> list[list[TextEffect]]:
    trials = study(noise, LAST, texts=TEXTS, seed=seed)
    return [text_effects(trials[: 2 * pairs], TEXTS) for pairs in range(5, LAST + 1)]


@pytest.fixture(scope="module", params=NOISES)
def readings(request: pytest.FixtureRequest) -> list[list[list[TextEffect]]]:
    """Studies of useless texts, read after every pair of trials."""
    return [read_after_every_pair(NOISES[request.param], seed) for seed in range(STUDIES)]


def shares(readings: list[list[list[TextEffect]]], wrong: Callable[[TextEffect], bool]) -> NDArray[np.float64]:
    """Shares of studies with any wrong text at any reading, and of texts that are wrong at any reading."""
    at_any = [
        {effect.text for reading in readings_of_one for effect in reading if wrong(effect)}
        for readings_of_one in readings
    ]
    return np.array(
        [np.mean([bool(texts) for texts in at_any]), np.mean([len(texts) / len(TEXTS) for texts in at_any])]
    )


def test_useless_texts_seldom_get_a_verdict_however_often_they_are_read(
    readings: list[list[list[TextEffect]]],
) -> None:
    anytime, _ = shares(readings, lambda effect: effect.verdict != "no evidence yet")
    once, _ = shares(readings, lambda effect: effect.adjusted <= 1 - CONFIDENCE)
    assert anytime <= 0.05
    assert once > 0.08, "verdicts for one reading would not hold"


def test_sequences_hold_at_all_readings_together(readings: list[list[list[TextEffect]]]) -> None:
    _, anytime = shares(readings, lambda effect: not effect.low_anytime <= 0 <= effect.high_anytime)
    _, once = shares(readings, lambda effect: not effect.low <= 0 <= effect.high)
    assert anytime <= 0.05
    assert once > 0.15, "intervals for one reading would not hold"


def test_planted_effects_are_decided_and_stay_so() -> None:
    truth: dict[str, Verdict] = {"a": "helps", "b": "hurts"}
    trials = study(additive({"a": 0.2, "b": -0.15}, 0.05), 40, texts=TEXTS)
    for pairs in (20, 30, 40):
        found = {effect.text: effect.verdict for effect in text_effects(trials[: 2 * pairs], TEXTS)}
        assert found == {text: truth.get(text, "no evidence yet") for text in TEXTS}
