from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studies.analysis.interactions import interactions
from tests.support.trials import TEXTS, additive, study


def synergy(mix: set[str], rng: np.random.Generator) -> float:
    return 0.2 * ("alpha" in mix) + 0.4 * ({"beta", "gamma"} <= mix) + rng.normal(0, 0.05)


def test_a_planted_pair_stands_out_with_its_size() -> None:
    found = interactions(study(synergy, 32), TEXTS)
    assert len(found) == 6
    assert set(found[0].texts) == {"beta", "gamma"}
    assert found[0].stands_out
    assert found[0].estimate.value == pytest.approx(0.4, abs=0.08)
    assert not any(pair.stands_out for pair in found[1:])


def test_a_screen_of_one_at_a_time_finds_it_too() -> None:
    """45 pairs of ten texts, too many for 32 pairs of trials together."""
    texts = (*TEXTS, *"efghij")
    false = 0
    for seed in range(20):
        out = [
            set(pair.texts)
            for pair in interactions(study(synergy, 32, texts=texts, seed=seed), texts)
            if pair.stands_out
        ]
        assert {"beta", "gamma"} in out
        false += len(out) - 1
    assert false <= 5, "what is confounded with it in the design lends nothing to others"


def test_pure_noise_seldom_makes_a_pair_stand_out() -> None:
    texts = tuple("abcdefghij")
    out = covered = 0
    for seed in range(60):
        found = interactions(study(additive({"a": 0.5}, 0.1), 20, texts=texts, seed=seed), texts)
        out += any(pair.stands_out for pair in found)
        covered += sum(pair.estimate.interval()[0] <= 0 <= pair.estimate.interval()[1] for pair in found)
    assert out / 60 <= 0.1
    assert 0.93 <= covered / 60 / 45 <= 0.97


def test_settings_that_move_the_score_are_taken_out() -> None:
    """They are equal within a pair of trials and do not cancel in its mean."""
    rng = np.random.default_rng(0)
    rates = rng.uniform(-4, -2, 40)
    moved = [
        replace(
            trial,
            params={"learning_rate": 10 ** rates[trial.pair or 0]},
            rungs=(replace(trial.rungs[-1], score=trial.rungs[-1].score + rates[trial.pair or 0]),),
        )
        for trial in study(synergy, 40)
    ]
    calm, shaken = (interactions(trials, TEXTS)[0].estimate for trials in (study(synergy, 40), moved))
    assert shaken.value == pytest.approx(calm.value, abs=0.05)
    assert shaken.stderr < 1.3 * calm.stderr


@pytest.mark.parametrize("pairs", [0, 7])
def test_too_few_pairs_give_no_screen(pairs: int) -> None:
    assert interactions(study(synergy, pairs), TEXTS) == []


def test_two_texts_that_were_never_apart_say_nothing_of_each_other() -> None:
    trials = study(additive({}, 0.1), 4, texts=("a", "b")) * 6
    trials = [replace(trial, number=i, pair=i // 2) for i, trial in enumerate(trials)]
    together = [t for t in trials if len(t.texts) != 1]
    (pair,) = interactions(together, ("a", "b"))
    assert np.isinf(pair.estimate.stderr)
    assert not pair.stands_out
