from __future__ import annotations

import math

import numpy as np
import pytest

from studies.analysis.effects import text_effects
from studies.analysis.power import power
from tests.support.trials import additive, study

EIGHT = tuple("abcdefgh")


def test_effects_of_the_smallest_size_are_detected_about_as_often_as_it_says() -> None:
    noise, pairs = 0.1, 40
    planned = [power(text_effects(study(additive({}, noise), pairs, texts=EIGHT, seed=s), EIGHT)) for s in range(60)]
    size = float(np.mean([each.smallest for each in planned]))
    detected = 0
    for seed in range(200):
        found = text_effects(study(additive({"a": size}, noise), pairs, texts=EIGHT, seed=seed), EIGHT)
        detected += next(effect.verdict for effect in found if effect.text == "a") == "helps"
    assert 0.72 <= detected / 200 <= 0.88


def test_four_times_the_pairs_halve_the_smallest_effect() -> None:
    few, many = (power(text_effects(study(additive({}, 0.1), n, texts=EIGHT), EIGHT)).smallest for n in (40, 160))
    assert few / many == pytest.approx(2, rel=0.25)


def test_texts_without_a_verdict_are_told_what_they_want() -> None:
    effects = text_effects(study(additive({"a": 0.5, "b": 0.04}, 0.1), 24, texts=EIGHT, seed=3), EIGHT)
    undecided = {effect.text: effect for effect in effects if effect.verdict == "no evidence yet"}
    wanted = power(effects).blocks
    assert set(wanted) == set(undecided)
    assert any(pairs is not None for pairs in wanted.values())
    for text, pairs in wanted.items():
        assert pairs is None or pairs > 24
        if pairs is not None:
            assert abs(undecided[text].effect) < 1.5 * power(effects).smallest, "else it would have a verdict"


def test_without_intervals_nothing_is_said() -> None:
    assert power(text_effects(study(additive({}, 0.1), 2), ("alpha",))).smallest == math.inf
