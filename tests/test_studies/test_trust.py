"""Sentences about predictions for texts that were never trained on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from studies.jobs.text_to_lora.cross_validation import CrossValidation, describe_validation


def _trust(predicted: list[float], rated: list[float]) -> CrossValidation:
    names = [f"text-{number}" for number in range(len(predicted))]
    return CrossValidation(dict(zip(names, predicted, strict=True)), dict(zip(names, rated, strict=True)))


def test_good_predictions_are_said_to_be_better_than_guessing() -> None:
    rated = [0.1 * number for number in range(10)]
    trust = _trust([2 * each + 1 for each in rated], rated)
    assert trust.correlation == pytest.approx(1)
    assert trust.effect(2.0) == pytest.approx(0.5)
    assert "+1.00" in describe_validation(trust)
    assert describe_validation(trust).endswith("better than guessing.")
    assert "not shown" not in describe_validation(trust)
    assert trust.shown


def test_bad_ones_foretell_the_mean_of_all() -> None:
    rated = [0.1 * number for number in range(10)]
    trust = _trust([-each for each in rated], rated)
    assert trust.correlation == pytest.approx(-1)
    assert trust.effect(3.0) == trust.effect(-3.0) == pytest.approx(np.mean(rated))
    assert "worse than guessing" in describe_validation(trust)
    outlier = _trust([1.0, 2.0, 3.0, 4.0, 50.0, 0.0], [6.0, 5.0, 4.0, 3.0, 20.0, 7.0])
    assert outlier.correlation < 0
    assert outlier.effect(100.0) == outlier.effect(0.0), "ranks say the contrary of what the line says"
    assert not trust.shown
    assert not outlier.shown
    luck = _trust([0.3, 0.1, 0.2, 0.5, 0.4], [0.1, 0.2, 0.3, 0.4, 0.5])
    assert "not shown to be better than guessing" in describe_validation(luck)


def test_intervals_hold_the_truth() -> None:
    """About 95 of 100 intervals hold the known correlation of pairs."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        one, noise = rng.standard_normal((2, 12))
        low, high = _trust(one.tolist(), (0.6 * one + 0.8 * noise).tolist()).interval
        held += low <= 6 / math.pi * math.asin(0.6 / 2) <= high  # Spearman's of a bivariate normal with Pearson's .6
    assert 0.91 <= held / 400 <= 0.99


def test_nothing_is_said_of_too_few() -> None:
    for trust in (_trust([], []), _trust([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), _trust([1.0] * 6, [1.0, 2, 3, 4, 5, 6])):
        assert math.isnan(trust.correlation)
        assert "do not trust them" in describe_validation(trust)
    assert math.isnan(_trust([], []).effect(1.0))
    unrated = CrossValidation({"a": 1.0, "b": 2.0}, {"a": math.nan})
    assert unrated.texts == ()
