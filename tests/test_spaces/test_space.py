from __future__ import annotations

from dataclasses import replace
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from spaces import Corpus, CorpusMix, Layout, Space, SpaceSpec, Stage, TrialConfig, Tuning
from spaces.layout import trained_layers
from spaces.repetition import as_read, capped
from tests.support.refusals import refused


def make(corpus: Corpus, layout: Layout, **fields: Any) -> Space:
    texts = {"folder": str(corpus.folder), **fields.pop("texts", {})}
    spec = SpaceSpec.model_validate({"texts": texts, **fields})
    return Space(spec, corpus, layout, budget=1000)


WIDE = {
    "tuning": {"rank": {"low": 2, "high": 64, "log": True}, "alpha_per_rank": [1, 2], "targets": ["attention", "mlp"]},
    "layers": {"min": 2, "max": 4},
    "learning_rate": {"low": 1e-5, "high": 1e-2},
}


def test_searched_things_have_parameters_and_fixed_ones_have_none(corpus: Corpus, layout: Layout) -> None:
    wide = make(corpus, layout, **WIDE).distributions
    assert wide["text:alpha"] == IntDistribution(0, 1)
    assert wide["tuning.rank"] == IntDistribution(2, 64, log=True)
    assert wide["tuning.targets"] == CategoricalDistribution(["attention", "mlp"])
    assert wide["learning_rate"] == FloatDistribution(1e-5, 1e-2, log=True)
    assert wide["layers.count"] == IntDistribution(2, 4)
    fixed = make(corpus, layout, texts={"choose": "all"}, tuning={"rank": 8}, layers="1-2", learning_rate=1e-3)
    assert fixed.distributions == {}


def test_a_list_of_one_is_fixed(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, texts={"choose": ["beta"]}, tuning={"rank": [16]}, layers=["2-3"])
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
    assert stage.tuning.alpha == stage.tuning.rank * params["tuning.alpha_per_rank"]
    assert stage.tuning.targets == layout.resolve_targets(params["tuning.targets"])
    assert stage.budget == 1000


def test_all_positions_of_a_range_are_reached(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, layers={"min": 2, "max": 2})
    texts = {f"text:{name}": 1 for name in corpus.names}
    found = {
        trained_layers(space.decode({**texts, "layers.position": p / 50}, 0).stages[0].frozen, 6)[0] for p in range(51)
    }
    assert found == {0, 1, 2, 3, 4}


def test_alpha_may_be_given_itself(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, texts={"choose": "all"}, tuning={"rank": 4, "alpha": [8, 16]})
    assert space.decode({"tuning.alpha": 16}, 0).stages[0].tuning.alpha == 16


def test_the_empty_mix_is_lawful(corpus: Corpus, layout: Layout) -> None:
    trial = make(corpus, layout).decode({f"text:{name}": 0 for name in corpus.names}, 0)
    assert trial.stages[0].mix.names == ()


def searched_texts(corpus: Corpus) -> dict[str, int]:
    return {f"text:{name}": 1 for name in corpus.names}


METHODS_SEARCHED = {"tuning": {"method": ["lora", "ia3", "full"], "rank": [4, 8, 16], "targets": ["mlp", "attention"]}}


def test_settings_that_a_method_has_not_are_without_effect(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, **METHODS_SEARCHED)
    drawn = {**searched_texts(corpus), "tuning.rank": 16, "tuning.targets": "attention"}
    trials = {method: {**drawn, "tuning.method": method} for method in ("lora", "ia3", "full")}
    idle = {method: space.idle(params) for method, params in trials.items()}
    assert idle == {"lora": set(), "ia3": {"tuning.rank"}, "full": {"tuning.rank", "tuning.targets"}}
    tunings = {method: space.decode(params, 0).stages[0].tuning for method, params in trials.items()}
    assert (tunings["lora"].rank, tunings["ia3"].rank, tunings["full"].rank) == (16, 0, 0)
    assert tunings["full"].targets == ()


@given(seed=st.integers(0, 10_000))
def test_what_is_idle_changes_nothing_and_all_else_does(imagined: Corpus, layout: Layout, seed: int) -> None:
    space = make(imagined, layout, **METHODS_SEARCHED, layers={"min": 1})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params, others = study.ask(space.distributions).params, study.ask(space.distributions).params
    idle = space.idle(params)
    assert space.decode({**params, **{name: others[name] for name in idle}}, 0) == space.decode(params, 0)
    if "tuning.rank" not in idle:
        assert space.decode({**params, "tuning.rank": 32}, 0) != space.decode(params, 0)


def test_a_setting_that_no_method_has_is_not_searched(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, tuning={"method": ["ia3", "full"], "rank": [4, 8], "dropout": [0.0, 0.1]})
    assert set(space.distributions) == {*searched_texts(corpus), "tuning.method"}


def test_the_position_of_all_layers_has_no_effect(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, layers={"min": 5})
    drawn = {**searched_texts(corpus), "layers.position": 0.9}
    assert space.idle({**drawn, "layers.count": 6}) == {"layers.position"}
    assert space.idle({**drawn, "layers.count": 5}) == frozenset()


@pytest.mark.parametrize(
    ("layers", "trained"),
    [
        ({"train": "1-2"}, {1, 2}),
        ({"train": -2}, {4}),
        ({"freeze": "0-3"}, {4, 5}),
        ({"freeze": "1-2 + -1"}, {0, 3, 4}),
    ],
)
def test_layers_are_named_as_trained_or_frozen(
    corpus: Corpus, layout: Layout, layers: dict[str, Any], trained: set[int]
) -> None:
    space = make(corpus, layout, texts={"choose": "all"}, layers=layers)
    assert set(trained_layers(space.decode({}, 0).stages[0].frozen, 6)) == trained


@given(seed=st.integers(0, 10_000), least=st.integers(1, 4), more=st.integers(0, 3))
def test_limited_mixes_have_a_lawful_size(imagined: Corpus, layout: Layout, seed: int, least: int, more: int) -> None:
    least = min(least, len(imagined.names))
    most = min(least + more, len(imagined.names))
    space = make(imagined, layout, texts={"min_texts": least, "max_texts": most})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    mix = space.decode(study.ask(space.distributions).params, 0).mix
    assert least <= len(mix.names) <= most
    assert space.searches_texts == (least < len(imagined.names))


STAGES: dict[str, Any] = {
    "tuning": {"rank": [4, 8]},
    "stages": [
        {"name": "facts", "texts": ["alpha"], "share": 0.25, "layers": ["0-1", "2-3"]},
        {"name": "rules", "tuning": {"method": "ia3"}, "learning_rate": 1e-2},
        {"name": "style", "texts": ["beta"]},
    ],
    "order": "any",
}


def test_stages_have_parameters_of_their_own_and_shared_ones(corpus: Corpus, layout: Layout) -> None:
    space = make(corpus, layout, **STAGES)
    assert set(space.distributions) == {*searched_texts(corpus), "facts.layers", "tuning.rank", "order"}
    drawn = {**searched_texts(corpus), "facts.layers": "2-3", "tuning.rank": 8, "order": "style > facts > rules"}
    trial = space.decode(drawn, 0)
    assert [stage.name for stage in trial.stages] == ["style", "facts", "rules"]
    assert [stage.budget for stage in trial.stages] == [375, 250, 375]
    assert [stage.mix.names for stage in trial.stages] == [("beta",), ("alpha",), corpus.names]
    assert [stage.own_mix for stage in trial.stages] == [True, True, False]
    assert [stage.tuning.rank for stage in trial.stages] == [8, 8, 0]
    assert [stage.learning_rate for stage in trial.stages] == [1e-4, 1e-4, 1e-2]
    assert trial.mix.names == corpus.names
    assert space.idle(drawn) == frozenset(), "the rank has no effect on one stage, but it has on others"
    assert trial.on(CorpusMix.equal(["beta"])).stages[1].mix.names == ("alpha",)


def test_a_text_is_not_read_more_often_than_allowed(corpus: Corpus, layout: Layout) -> None:
    """Alpha has room for 200 tokens and gives the rest of its half to beta; both have 500, and no more is trained."""
    tokens = {"alpha": 100, "beta": 150}
    trial = make(corpus, layout, texts={"choose": ["alpha", "beta"], "max_epochs": 2}).decode({}, 0)
    (stage,) = as_read(trial, tokens)
    assert dict(stage.mix.weights) == pytest.approx({"alpha": 0.4, "beta": 0.6})
    assert stage.budget == 500
    assert as_read(replace(trial, max_epochs=6), tokens) == trial.stages
    assert as_read(replace(trial, max_epochs=None), tokens) == trial.stages
    assert as_read(trial.on(CorpusMix.equal(["beta"])), tokens)[0].budget == 300
    assert TrialConfig.from_dict(trial.to_dict()) == trial


def test_stages_share_the_room_of_a_text(corpus: Corpus, layout: Layout) -> None:
    stages = [{"name": "one", "texts": ["alpha"]}, {"name": "two", "texts": ["alpha"]}]
    space = make(corpus, layout, texts={"choose": "all", "max_epochs": 2}, stages=stages)
    assert [stage.budget for stage in as_read(space.decode({}, 0), {"alpha": 300})] == [500, 100]


@given(
    tokens=st.lists(st.integers(1, 3000), min_size=3, max_size=3),
    epochs=st.floats(0.01, 3),
    chosen=st.lists(st.lists(st.sampled_from("abc"), unique=True, max_size=3), min_size=1, max_size=3),
)
def test_stages_never_read_more_than_there_is_room_for(
    tokens: list[int], epochs: float, chosen: list[list[str]]
) -> None:
    tuning = Tuning("full", 0, 0.0, 0.0, ())
    stages = tuple(Stage(str(i), CorpusMix.equal(names), tuning, (), 1000, 1e-3) for i, names in enumerate(chosen))
    sizes = dict(zip("abc", tokens, strict=True))
    read = dict.fromkeys("abc", 0.0)
    for stage in as_read(TrialConfig("base", 0, stages, max_epochs=epochs), sizes):
        assert 0 <= stage.budget <= 1000
        for name, share in stage.mix.weights:
            read[name] += share * stage.budget
    assert all(read[name] <= epochs * sizes[name] + 1 for name in "abc")


def test_a_stage_of_less_than_a_step_is_seen(corpus: Corpus, layout: Layout) -> None:
    stages = [{"name": "most", "share": 0.97}, {"name": "rest"}]
    assert make(corpus, layout, stages=stages).budgets == {"most": 970, "rest": 30}


@given(
    shares=st.lists(st.floats(0.01, 1), min_size=1, max_size=6),
    room=st.lists(st.floats(0, 2000), min_size=6, max_size=6),
    budget=st.integers(1, 5000),
)
def test_capping_reads_as_much_as_it_may(shares: list[float], room: list[float], budget: int) -> None:
    names = [f"t{i}" for i in range(len(shares))]
    total = sum(shares)
    mix = CorpusMix(tuple((name, share / total) for name, share in zip(names, shares, strict=True)))
    limits = dict(zip(names, room, strict=False))
    found, tokens = capped(mix, budget, limits)
    most = min(budget, sum(limits[name] for name in names))
    assert most - len(names) - 1 <= tokens <= most + 1e-6, "less than a token of a text is none"
    for name, share in found.weights:
        assert share * tokens <= limits[name] + 1


@pytest.mark.parametrize(
    ("fields", "field", "code", "data"),
    [
        ({"texts": {"choose": ["alpha", "omega"]}}, "space.texts.choose", "text-unknown", ["'omega'"]),
        ({"texts": {"choose": ["alpha", "alpha"]}}, "space.texts.choose", "text-twice", ["alpha"]),
        ({"tuning": {"targets": ["attention", "q_projj"]}}, "space.tuning.targets", "target-unknown", ["'q_proj'"]),
        ({"layers": ["0-2", "4-9"]}, "space.layers", "layers-out-of-range", ["'4-9'", "0-5"]),
        ({"layers": {"freeze": "all"}}, "space.layers", "freeze-leaves-nothing", ["'all'", "0-5"]),
        ({"layers": {"freeze": "0--1"}}, "space.layers", "freeze-leaves-nothing", ["'0--1'"]),
        ({"texts": {"max_texts": 9}}, "space.texts.max_texts", "more-than-texts", ["9"]),
        ({"texts": {"min_texts": 9}}, "space.texts.min_texts", "more-than-texts", ["9"]),
        ({"tuning": {"method": "full", "targets": "nope"}}, "space.tuning.targets", "target-unknown", ["'nope'"]),
        ({"tuning": {"method": "bitfit"}}, "space.tuning.method", "no-biases", ["bitfit", "lora"]),
        ({"tuning": {"method": ["lora", "layernorm"]}}, "space.tuning.method", "no-norms", ["layernorm"]),
        ({"stages": [{"name": "a", "texts": ["alpha"]}]}, "space.texts.choose", "nothing-to-mix", []),
        ({"stages": [{"name": "a", "layers": "9"}]}, "space.stages.0.layers", "layers-out-of-range", ["'9'"]),
        ({"stages": [{"name": "a", "texts": ["omega"]}]}, "space.stages.0.texts", "text-unknown", ["'omega'"]),
        ({"layers": {"min": 7}}, "space.layers", "layers-too-many", ["7", "6"]),
        ({"layers": {"min": 1, "max": 9}}, "space.layers", "layers-too-many", ["9", "6"]),
    ],
)
def test_what_does_not_exist_is_refused(
    corpus: Corpus, layout: Layout, fields: dict[str, Any], field: str, code: str, data: list[str]
) -> None:
    with refused(code, *data, field=field):
        make(corpus, layout, **fields)


@pytest.mark.parametrize(
    ("fields", "field", "code", "data"),
    [
        (
            {"tuning": {"method": ["from_scratch", "lora"]}},
            "space.tuning.method",
            "from-scratch-compared",
            "from_scratch, lora",
        ),
        ({"tuning": {"method": "from_scratch"}, "layers": "0-2"}, "space.tuning.method", "from-scratch-layers", "6"),
        (
            {"tuning": {"method": "from_scratch"}, "layers": {"min": 1}},
            "space.tuning.method",
            "from-scratch-layers",
            "6",
        ),
        (
            {"stages": [{"name": "a"}, {"name": "b", "tuning": {"method": "from_scratch"}}]},
            "space.stages",
            "from-scratch-later",
            "order: given",
        ),
        (
            {"tuning": {"method": "from_scratch"}, "stages": [{"name": "a"}, {"name": "b"}]},
            "space.stages",
            "from-scratch-later",
            "`tuning`",
        ),
    ],
)
def test_random_weights_are_where_a_model_begins(
    corpus: Corpus, layout: Layout, fields: dict[str, Any], field: str, code: str, data: str
) -> None:
    with refused(code, data, field=field):
        make(corpus, layout, **fields)


def test_a_model_from_scratch_may_be_tuned_later(corpus: Corpus, layout: Layout) -> None:
    later = {"name": "b", "tuning": {"method": "lora"}, "layers": "3-5"}
    first = {"name": "a", "tuning": {"method": "from_scratch"}}
    whole = replace(layout, all_weights=5000)
    space = make(corpus, whole, texts={"choose": "all"}, stages=[first, later])
    assert space.decode({}, 0).from_scratch
    assert not make(corpus, whole, texts={"choose": "all"}).decode({}, 0).from_scratch
    assert space.largest > 5000
