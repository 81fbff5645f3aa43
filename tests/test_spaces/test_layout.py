from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import Layout, Module, Tuning
from spaces.layout import complement, ranges, trained_layers
from tests.support.refusals import refused


def test_presets_follow_the_place_of_a_module(layout: Layout) -> None:
    assert layout.resolve_targets("attention") == tuple(f"self_attn.{letter}_proj" for letter in "qkvo")
    assert layout.resolve_targets("mlp") == ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
    assert layout.resolve_targets("all-linear") == tuple(module.path for module in layout.modules)


def test_names_can_be_joined(layout: Layout) -> None:
    found = layout.resolve_targets("q_proj + mlp + self_attn.q_proj")
    assert found == ("self_attn.q_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def test_a_name_stands_for_every_module_of_that_name() -> None:
    modules = tuple(Module(path, 8, 8) for path in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"))
    layout = Layout("like gpt2", 2, modules, context=64)
    assert layout.resolve_targets("c_proj") == ("attn.c_proj", "mlp.c_proj")
    assert layout.resolve_targets("attention") == ("attn.c_attn", "attn.c_proj")
    assert layout.resolve_targets("mlp") == ("mlp.c_fc", "mlp.c_proj")


def test_an_unknown_target_lists_what_exists(layout: Layout) -> None:
    with refused("target-unknown", "'q_porj'", "'q_proj'", "down_proj"):
        layout.resolve_targets("q_porj")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", {0, 1, 2, 3, 4, 5}),
        ("2-4", {2, 3, 4}),
        (" 1 - 1 ", {1}),
        ("3", {3}),
        ("-1", {5}),
        ("-4--2", {2, 3, 4}),
        ("-4 to -2", {2, 3, 4}),
        ("0 - -5", {0, 1}),
        ("0-1 + 4", {0, 1, 4}),
    ],
)
def test_layer_ranges(layout: Layout, text: str, expected: set[int]) -> None:
    assert layout.resolve_layers(text) == expected


_MALFORMED, _OUT_OF_RANGE = ["two", "1-2-3", "", "1+"], ["4-2", "0-6", "9", "-7", "-1 to -2"]


@pytest.mark.parametrize("text", [*_MALFORMED, *_OUT_OF_RANGE])
def test_impossible_layer_ranges_are_refused(layout: Layout, text: str) -> None:
    with refused("layers-malformed" if text in _MALFORMED else "layers-out-of-range", field="space.layers"):
        layout.resolve_layers(text)


@given(layers=st.integers(1, 60), data=st.data())
def test_frozen_and_trained_layers_share_out_the_model(layers: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, layers - 1))
    last = data.draw(st.integers(first, layers - 1))
    frozen = complement(range(first, last + 1), layers)
    assert trained_layers(frozen, layers) == tuple(range(first, last + 1))


def test_sizes_are_those_of_the_method(layout: Layout) -> None:
    every = tuple(module.path for module in layout.modules)
    low_rank = Tuning("lora", 2, 4, 0.0, every)
    assert layout.trained_weights(low_rank, range(6)) == 6 * (4 * 2 * (16 + 16) + 3 * 2 * (16 + 32))
    assert layout.trained_weights(replace(low_rank, method="dora"), [0]) == 544 + 4 * 16 + 3 * 32
    assert layout.trained_weights(Tuning("ia3", 0, 0, 0.0, every), [0]) == 4 * 16 + 3 * 32
    sized = replace(layout, weights=(100,) * 6, norm_weights=(7,) * 6, biases=(5,) * 6)
    assert [sized.trained_weights(Tuning(name, 0, 0, 0, ()), [0, 3]) for name in ("full", "layernorm", "bitfit")] == [
        200,
        14,
        10,
    ]


@given(layers=st.sets(st.integers(0, 30)))
def test_ranges_hold_their_layers_and_do_not_touch(layers: set[int]) -> None:
    found = ranges(layers)
    assert [layer for span in found for layer in range(span.first, span.last + 1)] == sorted(layers)
    assert all(one.last + 1 < other.first for one, other in pairwise(found))
