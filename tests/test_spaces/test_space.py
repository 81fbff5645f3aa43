from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from spaces import Corpus, InputError, Layout, Space, SpaceSpec
from spaces.layout import trained_layers


def make(corpus: Corpus, layout: Layout, **fields: Any) -> Space:
    texts = {"folder": str(corpus.folder), **fields.pop("texts", {})}
    spec = SpaceSpec.model_validate({"texts": texts, **fields})
    return Space(spec, corpus, layout, budget=1000)


WIDE = {
    "lora": {"rank": {"low": 2, "high": 64, "log": True}, "alpha_per_rank": [1, 2], "targets": ["attention", "mlp"]},
    "layers": {"min": 2, "max": 4},
    "learning_rate": {"low": 1e-5, "high": 1e-2},
}


def test_searched_things_have_parameters_and_fixed_ones_have_none(corpus: Corpus, layout: Layout) -> None:
    wide = make(corpus, layout, **WIDE).distributions
    assert wide["text:alpha"] == IntDistribution(0, 1)
    assert wide["lora.rank"] == IntDistribution(2, 64, log=True)
    assert wide["lora.targets"] == CategoricalDistribution(["attention", "mlp"])
    assert wide["learning_rate"] == FloatDistribution(1e-5, 1e-2, log=True)
    assert wide["layers.count"] == IntDistribution(2, 4)
    fixed = make(corpus, layout, texts={"choose": "all"}, lora={"rank": 8}, layers="1-2", learning_rate=1e-3)
    assert fixed.distributions == {}


def test_a_list_of_one_is_fixed(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, texts={"choose": ["beta"]}, lora={"rank": [16]}, layers=["2-3"])
    assert space.distributions == {}
    trial = space.decode({}, seed=3)
    assert trial.stages[0].mix.names == ("beta",)
    assert trial.stages[0].tuning.rank == 16
    assert trained_layers(trial.stages[0].frozen, layout.layers) == (2, 3)


@given(seed=st.integers(0, 10_000))
def test_every_draw_is_a_trial_that_exists(imagined: Corpus, layout: Layout, seed: int) -> None:
    space = make(imagined, layout, **WIDE)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params = study.ask(space.distributions).params
    trial = space.decode(params, seed)
    stage = trial.stages[0]
    trained = trained_layers(stage.frozen, layout.layers)
    assert 2 <= len(trained) <= 4
    assert trained == tuple(range(trained[0], trained[-1] + 1))
    assert set(stage.mix.names) == {name for name in imagined.names if params[f"text:{name}"]}
    assert stage.tuning.alpha == stage.tuning.rank * params["lora.alpha_per_rank"]
    assert stage.tuning.targets == layout.resolve_targets(params["lora.targets"])
    assert stage.budget == 1000


def test_all_positions_of_a_range_are_reached(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, layers={"min": 2, "max": 2})
    texts = {f"text:{name}": 1 for name in corpus.names}
    found = {
        trained_layers(space.decode({**texts, "layers.position": p / 50}, 0).stages[0].frozen, 6)[0] for p in range(51)
    }
    assert found == {0, 1, 2, 3, 4}


def test_alpha_may_be_given_itself(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, texts={"choose": "all"}, lora={"rank": 4, "alpha": [8, 16]})
    assert space.decode({"lora.alpha": 16}, 0).stages[0].tuning.alpha == 16


def test_the_empty_mix_is_lawful(corpus: Corpus, layout: Layout) -> None:
    trial = make(corpus, layout).decode({f"text:{name}": 0 for name in corpus.names}, 0)
    assert trial.stages[0].mix.names == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"texts": {"choose": ["alpha", "omega"]}}, r"no text 'omega'"),
        ({"texts": {"choose": ["alpha", "alpha"]}}, r"a text is named twice"),
        ({"lora": {"targets": ["attention", "q_projj"]}}, r"Did you mean 'q_proj'"),
        ({"layers": ["0-2", "4-9"]}, r"'4-9' must lie within 0-5"),
        ({"layers": {"min": 7}}, r"min 7 .* must not exceed 6"),
        ({"layers": {"min": 1, "max": 9}}, r"max 9 must not exceed 6"),
    ],
)
def test_what_does_not_exist_is_refused(corpus: Corpus, layout: Layout, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(corpus, layout, **fields)
