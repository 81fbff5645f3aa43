from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from optuna.trial import TrialState
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from search.storage.records import Arm
from studies.analysis.columns import Columns
from studies.analysis.encoding import settings_of
from studies.analysis.ranking import rank_texts
from tests.support.trials import TEXTS, additive, record, study

EIGHT = tuple("abcdefgh")
TRUTH = {"a": 0.3, "b": 0.2, "c": 0.15, "h": -0.3}


def test_the_planted_order_is_found() -> None:
    ranked = rank_texts(study(additive(TRUTH, 0.02), 16, texts=EIGHT), EIGHT)
    assert [one.text for one in ranked[:3]] == ["a", "b", "c"]
    assert ranked[-1].text == "h"
    assert ranked[0].effect == pytest.approx(0.3, abs=0.03)
    assert sum(one.top for one in ranked) == pytest.approx(3)
    assert all(one.top > 0.9 for one in ranked[:3])


def test_noise_leaves_the_probabilities_open() -> None:
    ranked = rank_texts(study(additive({}, 0.1), 12, texts=EIGHT), EIGHT)
    assert max(one.top for one in ranked) < 0.9


def test_pruned_trials_sharpen_the_ranking() -> None:
    """Many guided trials that were stopped at a rung which foretells the final score."""
    formula = additive(TRUTH, 0.1)
    trials = study(formula, 16, texts=EIGHT, early_noise=0.02)
    rng = np.random.default_rng(1)
    pruned = []
    for number in range(100, 160):
        mix = tuple(text for text in EIGHT if rng.random() < 0.5)
        early = formula(set(mix), rng) / 2 + rng.normal(0, 0.02)
        pruned.append(record(number, mix, 0.0, arm=Arm.GUIDED, state=TrialState.PRUNED, early=early))
    alone, together = ({one.text: one for one in rank_texts(trials + more, EIGHT)} for more in ([], pruned))
    assert sum(one.spread for one in together.values()) < 0.9 * sum(one.spread for one in alone.values())
    errors = [sum((one.effect - TRUTH.get(t, 0)) ** 2 for t, one in found.items()) for found in (alone, together)]
    assert errors[1] < errors[0]


def test_a_rung_that_foretells_nothing_is_left_out() -> None:
    trials = study(additive(TRUTH, 0.1), 10, texts=EIGHT, early_noise=50.0)
    noise = [record(200 + i, ("h",), 0.0, arm=Arm.GUIDED, state=TrialState.PRUNED, early=40.0) for i in range(20)]
    assert rank_texts(trials + noise, EIGHT) == rank_texts(trials, EIGHT)


def test_settings_that_move_the_score_do_not_hide_the_texts() -> None:
    rng = np.random.default_rng(0)
    moved = []
    for trial in study(additive(TRUTH, 0.02), 16, texts=EIGHT):
        rate, kind = rng.uniform(-4, -2), str(rng.choice(["attention", "mlp"]))
        score = trial.rungs[-1].score - (rate + 3) ** 2 + 0.5 * (kind == "mlp")
        params = {"learning_rate": 10**rate, "tuning.targets": kind}
        moved.append(replace(trial, params=params, rungs=(replace(trial.rungs[-1], score=score),)))
    assert [one.text for one in rank_texts(moved, EIGHT)[:3]] == ["a", "b", "c"]


@pytest.mark.parametrize("pairs", [0, 3])
def test_too_few_trials_are_not_ranked(pairs: int) -> None:
    assert rank_texts(study(additive(TRUTH, 0.02), pairs, texts=EIGHT), EIGHT) == []


def test_scores_that_are_all_the_same_are_not_ranked() -> None:
    for score in (0.5, 0.1):  # the mean of twelve tenths is not a tenth
        assert rank_texts(study(lambda _mix, _rng, score=score: score, 12), TEXTS) == []  # type: ignore[misc]


def test_settings_as_numbers() -> None:
    params = [{"rate": 1e-4, "kind": "a"}, {"rate": 1e-3, "kind": "b"}, {"rate": 1e-2, "kind": "b", "rank": 4}]
    trials = [record(i, (), 0.0, params={**each, "text:x": i % 2, "same": 7}) for i, each in enumerate(params)]
    rates_first = settings_of(trials)
    assert rates_first.shape == (3, 2), "kind and rate; same and rank do not differ, texts are no settings"
    assert np.diff(np.sort(rates_first[:, 1])) == pytest.approx([np.sqrt(1.5)] * 2), "evenly spaced by logarithm"
    assert settings_of([]).shape == (0, 0)
    constant = [record(i, (), 0.0, params={"rate": 0.1, "dropout": None}) for i in range(9)]
    assert settings_of(constant).shape == (9, 0), "rounding errors of a mean are no differences"


def test_a_kernel_on_columns_is_the_kernel_of_these_columns() -> None:
    inputs = np.random.default_rng(0).normal(size=(5, 4))
    kernel = ConstantKernel(2.0) * Columns(RBF(0.7), 1, 3)
    assert kernel(inputs) == pytest.approx((ConstantKernel(2.0) * RBF(0.7))(inputs[:, 1:3]))
    assert kernel.diag(inputs) == pytest.approx(np.full(5, 2.0))
    value, gradient = kernel(inputs, eval_gradient=True)
    moved = kernel.clone_with_theta(kernel.theta + np.array([0, 1e-6]))
    assert (moved(inputs) - value) / 1e-6 == pytest.approx(gradient[..., 1], abs=1e-4)
    assert kernel.clone_with_theta(kernel.theta) == kernel


def test_a_trial_that_lacks_a_rung_is_no_obstacle() -> None:
    trials = study(additive(TRUTH, 0.02), 16, texts=EIGHT, early_noise=0.02)
    short = replace(trials[0], rungs=trials[0].rungs[1:])
    assert [one.text for one in rank_texts([short, *trials[1:]], EIGHT)[:3]] == ["a", "b", "c"]


def test_more_trials_than_the_kernel_is_fitted_on() -> None:
    trials = study(additive(TRUTH, 0.05), 120, texts=EIGHT, early_noise=0.05)
    pruned = [
        record(1000 + i, tuple(EIGHT[i % 8 :]), 0.0, arm=Arm.GUIDED, state=TrialState.PRUNED, early=0.1)
        for i in range(300)
    ]
    mixed = [trial for pair in zip(trials, pruned, strict=False) for trial in pair]
    assert [one.text for one in rank_texts([replace(t, number=i) for i, t in enumerate(mixed)], EIGHT)[:2]] == [
        "a",
        "b",
    ]
