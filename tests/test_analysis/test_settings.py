from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.storage.records import Arm, TrialRecord
from spaces import LayerRange
from studies.analysis.settings import hyperparameter_importances, layer_map
from tests.support.trials import record

DISTRIBUTIONS = {
    "text:alpha": IntDistribution(0, 1),
    "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
    "tuning.rank": CategoricalDistribution([4, 8]),
}


def trials(number: int) -> tuple[optuna.Study, list[TrialRecord]]:
    """Half of the score's variance is the text's, most of the rest the learning rate's, none the rank's."""
    rng = np.random.default_rng(0)
    study = optuna.create_study(direction="maximize")
    records = []
    for i in range(number):
        text, rate, rank = int(rng.integers(2)), float(10 ** rng.uniform(-4, -2)), int(rng.choice([4, 8]))
        params = {"text:alpha": text, "learning_rate": rate, "tuning.rank": rank}
        score = text + 1.5 * np.log10(rate) / 2 + rng.normal(0, 0.05)
        records.append(record(i, ("alpha",) * text, score, pair=i // 2, params=params))
        study.add_trial(optuna.trial.create_trial(params=params, distributions=DISTRIBUTIONS, value=score))
    return study, records


def test_the_setting_that_matters_comes_first_with_an_interval() -> None:
    rate, rank = hyperparameter_importances(*trials(60))
    assert (rate.name, rank.name) == ("learning_rate", "tuning.rank")
    assert rate.low <= rate.share <= rate.high
    assert 0.2 < rate.share < 0.8, "the text has its part"
    assert rank.high < rate.low


@pytest.mark.parametrize("number", [0, 7])
def test_too_few_trials_have_no_importances(number: int) -> None:
    assert hyperparameter_importances(*trials(number)) == []


def test_the_map_of_layers_has_a_mean_for_every_range() -> None:
    low, high = (LayerRange(0, 1),), (LayerRange(5, 5),)
    records = [
        record(0, ("alpha",), 0.5, frozen=low),
        record(1, ("alpha",), 0.7, frozen=low),
        record(2, ("alpha",), 0.3, frozen=high),
        record(3, (), 0.2, frozen=low),
        record(4, ("alpha",), 9.0, frozen=high, arm=Arm.GUIDED),
    ]
    cells = {(cell.below, cell.above): (cell.gain, cell.trials) for cell in layer_map(records)}
    assert set(cells) == {(2, 0), (0, 1)}
    assert cells[2, 0] == pytest.approx((0.4, 2))
    assert cells[0, 1] == pytest.approx((0.1, 1))
    assert layer_map(records[:2]) == []


def test_samples_in_which_nothing_varies_are_left_out() -> None:
    """One setting of two values, eight trials: many a bootstrap sample has one value only."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        study = optuna.create_study(direction="maximize")
        records = []
        for i in range(8):
            params = {"tuning.rank": 4 if i else 8}
            score = float(params["tuning.rank"] + rng.normal(0, 0.1))
            records.append(record(i, ("alpha",), score, arm=Arm.GUIDED, params=params))
            distributions = {"tuning.rank": DISTRIBUTIONS["tuning.rank"]}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=score))
        (rank,) = hyperparameter_importances(study, records)
        assert 0 <= rank.low <= rank.share <= rank.high <= 1 + 1e-9
