from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from search.storage.records import Arm
from studies.analysis.effects import TextEffect, text_effects
from tests.support.trials import TEXTS, additive, record, study


def by_name(effects: list[TextEffect]) -> dict[str, TextEffect]:
    return {effect.text: effect for effect in effects}


def test_planted_effects_are_found_with_their_signs() -> None:
    found = by_name(text_effects(study(additive({"alpha": 0.2, "beta": -0.1}, 0.02), 16), TEXTS))
    assert found["alpha"].verdict == "helps"
    assert found["alpha"].effect == pytest.approx(0.2, abs=0.02)
    assert found["beta"].verdict == "hurts"
    assert found["beta"].effect == pytest.approx(-0.1, abs=0.02)
    assert found["alpha"].low < 0.2 < found["alpha"].high
    assert found["alpha"].method == "regression"


def test_the_most_helpful_comes_first() -> None:
    effects = {"alpha": -0.2, "beta": 0.1, "gamma": 0.3, "delta": 0.0}
    found = text_effects(study(additive(effects, 0.01), 16), TEXTS)
    assert [effect.text for effect in found] == ["gamma", "beta", "delta", "alpha"]


def test_noise_that_both_trials_of_a_pair_share_does_not_widen_intervals() -> None:
    calm = by_name(text_effects(study(additive({"alpha": 0.2}, 0.02), 16), TEXTS))
    shaken = by_name(text_effects(study(additive({"alpha": 0.2}, 0.02), 16, pair_noise=1.0), TEXTS))
    assert shaken["alpha"].verdict == "helps"
    assert shaken["alpha"].high - shaken["alpha"].low < 1.5 * (calm["alpha"].high - calm["alpha"].low)


def test_an_effect_that_depends_on_another_text_is_averaged_over_it() -> None:
    """alpha adds 0.2 with beta and nothing without: 0.1 on average, the Banzhaf value."""
    found = by_name(text_effects(study(lambda mix, rng: 0.2 * ({"alpha", "beta"} <= mix), 64), TEXTS))
    assert found["alpha"].effect == pytest.approx(0.1, abs=1e-9)
    assert found["beta"].effect == pytest.approx(0.1, abs=1e-9)
    assert found["gamma"].effect == pytest.approx(0.0, abs=1e-9)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    texts = ("a", "b", "c", "d", "e", "f", "g", "h")
    truth = dict(zip(texts, (0.2, 0.1, -0.1, 0.0, 0.0, 0.05, 0.0, -0.02), strict=True))
    hold = 0.0
    for seed in range(300):
        trials = study(additive(truth, 0.06), 40, texts=texts, seed=seed, pair_noise=0.05)
        found = text_effects(trials, texts)
        hold += sum(effect.low <= truth[effect.text] <= effect.high for effect in found) / len(texts)
    assert 0.93 <= hold / 300 <= 0.97


def test_a_study_of_pure_noise_seldom_names_a_winner() -> None:
    texts = tuple("abcdefghijkl")
    winners = 0
    for seed in range(200):
        found = text_effects(study(additive({}, 0.1), 30, texts=texts, seed=seed), texts)
        winners += any(effect.verdict != "no evidence yet" for effect in found)
    assert winners / 200 <= 0.06


def test_pruned_guided_and_failed_trials_do_not_count() -> None:
    trials = study(additive({"alpha": 0.2}, 0.02), 12)
    before = text_effects(trials, TEXTS)
    others = [
        record(100, ("alpha",), -5.0, arm=Arm.GUIDED),
        record(101, ("beta",), 9.0, arm=Arm.GUIDED, state=TrialState.PRUNED),
        record(102, ("gamma",), 9.0, pair=50, state=TrialState.FAIL),
        record(103, ("alpha", "beta", "delta"), -9.0, pair=50),
        record(104, ("gamma",), 9.0, pair=51, state=TrialState.RUNNING),
    ]
    assert text_effects([*others, *trials], TEXTS) == before


def test_too_few_pairs_for_a_regression_still_give_intervals_that_hold() -> None:
    texts = tuple("abcdefghijkl")
    truth = {"a": 0.5, "b": -0.3}
    covered = cases = 0
    for seed in range(100):
        found = text_effects(study(additive(truth, 0.05), 8, texts=texts, seed=seed), texts)
        assert {effect.method for effect in found} == {"differences"}
        for effect in found:
            covered += effect.low <= truth.get(effect.text, 0.0) <= effect.high
            cases += 1
    assert covered / cases >= 0.94


@pytest.mark.parametrize("pairs", [5, 6, 8, 10, 12])
def test_intervals_hold_at_few_pairs_where_one_text_outweighs_the_others(pairs: int) -> None:
    texts = tuple("abcdefgh")
    covered = false = cases = 0
    for seed in range(200):
        for effect in text_effects(study(additive({"a": 0.5}, 0.02), pairs, texts=texts, seed=seed), texts):
            covered += effect.low <= (0.5 if effect.text == "a" else 0.0) <= effect.high
            false += effect.text != "a" and effect.verdict != "no evidence yet"
            cases += 1
    assert covered / cases >= 0.94
    assert false / cases <= 0.05


@pytest.mark.parametrize("pairs", [0, 1, 2, 3, 4])
def test_almost_no_trials_give_no_verdict(pairs: int) -> None:
    found = text_effects(study(additive({"alpha": 1.0}, 0.0), pairs), TEXTS)
    assert {effect.verdict for effect in found} == {"no evidence yet"}
    assert all(math.isinf(effect.low) and math.isinf(effect.high) for effect in found)
    assert len(found) == 4


def test_scores_without_any_noise_are_no_obstacle() -> None:
    found = by_name(text_effects(study(additive({"alpha": 0.25}, 0.0), 12), TEXTS))
    assert found["alpha"].verdict == "helps"
    assert found["beta"].effect == pytest.approx(0.0, abs=1e-12)


def test_effects_do_not_depend_on_the_order_of_the_records() -> None:
    trials = study(additive({"alpha": 0.2}, 0.05), 10)
    forwards, backwards = (by_name(text_effects(some, TEXTS)) for some in (trials, trials[::-1]))
    for text in TEXTS:
        assert forwards[text].effect == pytest.approx(backwards[text].effect)
        assert forwards[text].low == pytest.approx(backwards[text].low)


def test_on_real_games_the_intervals_hold(real_data: Path) -> None:
    """Ten sources each, every coalition trained and scored: the exact effects are known."""
    texts = tuple(f"text {i}" for i in range(10))
    hold, cases = 0.0, 0
    for path in sorted((real_data / "tables" / "shapiq_games").glob("*.npz"))[::3]:
        game = np.load(path)
        coalitions, values = game["coalitions"].astype(int), game["values"].astype(float)
        value = {tuple(row): float(score) for row, score in zip(coalitions, values, strict=True)}
        alone = [value[tuple(int(i == j) for j in range(10))] for i in range(10)]
        value[(0,) * 10] = min(alone)
        scale = np.std(list(value.values()))
        exact = [_banzhaf(value, i) for i in range(10)]

        def score(
            mix: set[str],
            rng: np.random.Generator,
            value: dict[tuple[int, ...], float] = value,
            scale: float = float(scale),
        ) -> float:
            return value[tuple(int(text in mix) for text in texts)] + rng.normal(0, 0.3 * scale)

        found = text_effects(study(score, 30, texts=texts, seed=cases), texts)
        hold += sum(effect.low <= exact[texts.index(effect.text)] <= effect.high for effect in found) / len(texts)
        cases += 1
    assert cases == 30
    assert 0.92 <= hold / cases <= 0.98


def _banzhaf(value: dict[tuple[int, ...], float], player: int) -> float:
    gains = [
        score - value[(*coalition[:player], 0, *coalition[player + 1 :])]
        for coalition, score in value.items()
        if coalition[player]
    ]
    return float(np.mean(gains))
