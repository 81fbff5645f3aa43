"""Bases whose layers are unlike each other: targets by layer, and choices that would leave nothing to train."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spaces import Corpus, Layout, Module, Space, SpaceSpec, Tuning
from spaces.layout import trained_layers
from tests.support.refusals import refused


@pytest.fixture
def hybrid() -> Layout:
    """Six layers: attention in two of them, state-space mixers in the others, experts in all but the first."""
    mixers, rest = (0, 1, 3, 4), (1, 2, 3, 4, 5)
    modules = (
        Module("self_attn.q_proj", 16, 16, (2,)),
        Module("self_attn.q_proj", 16, 32, (5,)),
        Module("mamba.in_proj", 16, 64, mixers),
        Module("mamba.out_proj", 32, 16, mixers, bypassed=True),
        Module("mlp.up_proj", 16, 32, (0,)),
        Module("mlp.experts.up_proj", 16, 8, rest, experts=4, as_parameter=True),
        Module("mlp.shared.up_proj", 16, 8, rest, as_parameter=True),
    )
    return Layout(
        "a-hybrid",
        6,
        modules,
        context=128,
        weights=(100,) * 6,
        norm_weights=(8,) * 6,
        biases=(0, 0, 5, 0, 0, 7),
        fixed=("mamba.A_log",),
    )


def space(corpus: Corpus, layout: Layout, **fields: Any) -> Space:
    spec = SpaceSpec.model_validate({"texts": {"folder": str(corpus.folder)}, **fields})
    return Space(spec, corpus, layout, budget=1000)


def test_presets_hold_what_any_layer_has_and_nothing_that_is_read_past(hybrid: Layout) -> None:
    assert hybrid.presets == {
        "attention": ("self_attn.q_proj",),
        "mlp": ("mlp.up_proj", "mlp.experts.up_proj", "mlp.shared.up_proj"),
        "all-linear": (
            *("self_attn.q_proj", "mamba.in_proj", "mlp.up_proj", "mlp.experts.up_proj", "mlp.shared.up_proj"),
        ),
    }
    assert hybrid.resolve_targets("experts") == ("mlp.experts.up_proj",)
    assert hybrid.resolve_targets("up_proj") == hybrid.presets["mlp"]


def test_sizes_are_summed_over_the_layers_that_are_trained(hybrid: Layout) -> None:
    tuning = Tuning("lora", 2, 4.0, 0.0, ("self_attn.q_proj", "mlp.experts.up_proj"))
    assert hybrid.trained_weights(tuning, [0]) == 0
    assert hybrid.trained_weights(tuning, [2]) == 2 * (16 + 16) + 4 * 2 * (16 + 8)
    assert hybrid.trained_weights(tuning, [0, 5]) == 2 * (16 + 32) + 4 * 2 * (16 + 8)
    assert hybrid.trained_weights(replace(tuning, method="bitfit", targets=()), range(6)) == 12


def test_the_largest_trial_is_that_of_the_layers_that_can_be_chosen(corpus: Corpus, hybrid: Layout) -> None:
    found = space(corpus, hybrid, layers=["2", "5"], tuning={"targets": "q_proj", "rank": 2})
    assert found.largest == 2 * (16 + 32)
    free = space(corpus, hybrid, layers={"min": 3, "max": 3}, tuning={"targets": "q_proj", "rank": 2})
    assert free.largest == 2 * (16 + 32)


@pytest.mark.parametrize(
    ("fields", "field", "code", "words"),
    [
        (
            {"layers": "0-1", "tuning": {"targets": "attention"}},
            "space.layers",
            "layers-train-nothing",
            ["'0-1'", "attention", "2, 5"],
        ),
        (
            {"layers": {"freeze": "1-5"}, "tuning": {"targets": "experts"}},
            "space.layers",
            "layers-train-nothing",
            ["'1-5'", "1-5"],
        ),
        (
            {"layers": {"min": 2}, "tuning": {"targets": "q_proj"}},
            "space.layers",
            "range-may-train-nothing",
            ["0-1, 3-4", "min: 3"],
        ),
        (
            {"layers": {"max": 2}, "tuning": {"targets": ["all-linear", "q_proj"]}},
            "space.layers",
            "range-may-train-nothing",
            ["min: 3"],
        ),
        (
            {"layers": ["2", "3"], "tuning": {"method": "bitfit"}},
            "space.layers",
            "layers-train-nothing",
            ["'3'", "bitfit", "2, 5"],
        ),
        (
            {"tuning": {"targets": "out_proj"}},
            "space.tuning.targets",
            "targets-bypassed",
            ["mamba.out_proj", "mamba.in_proj"],
        ),
        (
            {"tuning": {"method": "dora", "targets": "mlp"}},
            "space.tuning.targets",
            "targets-are-parameters",
            ["dora", "targets: attention"],
        ),
        (
            {"tuning": {"method": ["lora", "ia3"]}},
            "space.tuning.targets",
            "targets-are-parameters",
            ["ia3", "mlp.experts.up_proj", "attention"],
        ),
        (
            {"tuning": {"dropout": [0.0, 0.1]}},
            "space.tuning.targets",
            "targets-are-parameters",
            ["lora with dropout", "attention"],
        ),
        ({"tuning": {"method": "from_scratch"}}, "space.tuning.method", "from-scratch-fixed-weights", ["mamba.A_log"]),
        (
            {"stages": [{"name": "one", "layers": "0", "tuning": {"targets": "q_proj"}}]},
            "space.stages.0.layers",
            "layers-train-nothing",
            ["'0'", "q_proj"],
        ),
    ],
)
def test_what_would_train_nothing_or_past_its_target_is_refused(
    corpus: Corpus, hybrid: Layout, fields: dict[str, Any], field: str, code: str, words: list[str]
) -> None:
    with refused(code, *words, field=field):
        space(corpus, hybrid, **fields)


def test_what_each_choice_of_layers_has_something_of_is_taken(corpus: Corpus, hybrid: Layout) -> None:
    found = space(corpus, hybrid, layers={"min": 3}, tuning={"targets": ["q_proj", "attention + in_proj"]})
    for place in (0.0, 0.3, 0.5, 1.0):
        params = {"layers.count": 3, "layers.position": place, "tuning.targets": "q_proj"}
        (stage,) = found.decode({**dict.fromkeys(found.distributions, 1), **params}, seed=0).stages
        assert {2, 5} & set(trained_layers(stage.frozen, hybrid.layers))
    assert space(corpus, hybrid, layers={"min": 1}).largest > 0, "all-linear has something in every layer"
    without = {"method": ["dora", "ia3"], "targets": "attention", "dropout": 0.1}
    assert space(corpus, hybrid, tuning=without).largest > 0, "what keeps away from parameters may be anything"


@pytest.mark.parametrize(("targets", "packed"), [("attention", False), ("mlp", True), (["attention", "experts"], True)])
def test_four_bits_take_no_adapters_on_parameters(
    corpus: Corpus, hybrid: Layout, targets: str | list[str], packed: bool
) -> None:
    from studies.run.checks import check_precision
    from studies.spec import StudySpec

    found = space(corpus, hybrid, tuning={"targets": targets}, layers="1-5")
    assert bool(found.parameter_targets) == packed
    spec = StudySpec.model_validate(
        {
            "name": "four",
            "space": {"texts": {"folder": "texts"}},
            "objective": {"tokens": 100, "precision": "4bit", "scores": [{"kind": "heldout", "text": "alpha"}]},
        }
    )
    if not packed:
        check_precision(spec, found)
        return
    with refused("targets-packed", field="objective.precision"):
        check_precision(spec, found)
