from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import InputError, LayerRange, Layout, Module
from spaces.layout import complement, trained_layers


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
    with pytest.raises(InputError, match=r"no linear module 'q_porj'\. Did you mean 'q_proj'\?.*down_proj"):
        layout.resolve_targets("q_porj")


@pytest.mark.parametrize(
    ("text", "expected"), [("all", (0, 5)), ("2-4", (2, 4)), (" 1 - 1 ", (1, 1)), ("3", (3, 3)), ("0-5", (0, 5))]
)
def test_layer_ranges(layout: Layout, text: str, expected: tuple[int, int]) -> None:
    assert layout.resolve_layers(text) == LayerRange(*expected)


@pytest.mark.parametrize("text", ["4-2", "0-6", "9", "-1", "two", "1-2-3", ""])
def test_impossible_layer_ranges_are_refused(layout: Layout, text: str) -> None:
    with pytest.raises(InputError, match=r"space\.layers"):
        layout.resolve_layers(text)


@given(layers=st.integers(1, 60), data=st.data())
def test_frozen_and_trained_layers_share_out_the_model(layers: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, layers - 1))
    last = data.draw(st.integers(first, layers - 1))
    frozen = complement(LayerRange(first, last), layers)
    assert trained_layers(frozen, layers) == tuple(range(first, last + 1))


def test_adapter_size_counts_both_factors(layout: Layout) -> None:
    assert layout.adapter_weights(rank=2) == 6 * (4 * 2 * (16 + 16) + 3 * 2 * (16 + 32))
