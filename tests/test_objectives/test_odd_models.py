"""Models with towers, unlike layers and experts: what adapters, networks and packs do with them, or refuse."""

from __future__ import annotations

import copy

import pytest

from tests.support.architectures import current_model
from tests.support.cases import Case
from tests.support.refusals import refused
from tests.support.training import spec

pytestmark = pytest.mark.torch


def test_a_tower_with_modules_of_the_same_names_is_left_alone() -> None:
    import torch

    from objectives.bases.layout import find_blocks, layout_of
    from objectives.training.adapter import adapted

    base = current_model("llama")
    tower = torch.nn.Module()
    tower.model = copy.deepcopy(base.model)
    layers = tower.get_submodule("model.layers")
    assert isinstance(layers, torch.nn.ModuleList)
    layers.append(copy.deepcopy(layers[0]))
    base.vision_tower = tower
    case = Case("llama with a tower", base, layout_of(base, "llama with a tower"))
    assert find_blocks(base)[0] == "model.layers"
    for method, targets in (("lora", "all-linear"), ("ia3", "mlp"), ("full", "")):
        with adapted(base, case.stage(method, targets, "0-1"), 0) as tuned:
            trained = [name for name, weight in tuned.named_parameters() if weight.requires_grad]
            assert trained
            assert not any("vision_tower" in name for name in trained)


def test_a_network_writes_for_modules_that_stand_side_by_side() -> None:
    from objectives.bases.layout import layout_of
    from objectives.text_to_lora.target import Target

    mixed, experts = current_model("lfm2"), current_model("qwen3_moe")
    layout = layout_of(mixed, "lfm2")
    target = Target.of(layout, mixed, "attention", 2, 4.0)
    assert target.layers == (1, 3)
    assert Target.from_dict(target.to_dict()) == target
    assert set(target.config(mixed, 2).target_modules) == {
        f"model.layers.{layer}.self_attn.{name}"
        for layer in (1, 3)
        for name in ("q_proj", "k_proj", "v_proj", "out_proj")
    }
    for model, given, targets in ((mixed, layout, "all-linear"), (experts, layout_of(experts, "moe"), "mlp")):
        with refused("targets-unlike", field="--targets"):
            Target.of(given, model, targets, 2, 4.0)


def test_adapters_on_experts_are_not_packed() -> None:
    import numpy as np

    from objectives.bases.layout import layout_of
    from objectives.data.order import MixStream
    from objectives.training.packed import Packed, PackedTrainer

    base = current_model("qwen3_moe")
    stage = Case("moe", base, layout_of(base, "moe")).stage("lora", "mlp", "all")
    stream = MixStream(stage.mix, {"a": np.arange(500, dtype=np.int32) % 60}, 16, 8, 0)
    with refused("experts-not-packable"):
        PackedTrainer(base, [Packed(stage, 0, stream)], spec(), 2)


def test_frequencies_that_change_with_length_change_beyond_the_context_or_at_a_limit() -> None:
    from objectives.bases.layout import context_of, short_limit

    dynamic, switching = current_model("llama dynamic"), current_model("phi3")
    assert short_limit(dynamic.config) is None
    assert dynamic.model.rotary_emb.original_max_seq_len == context_of(dynamic.config)
    assert short_limit(switching.config) == 16


def test_a_base_without_a_list_of_layers_is_refused() -> None:
    import torch

    from objectives.bases.layout import layout_of

    base = current_model("llama")
    base.model.layers = torch.nn.Sequential(*base.model.layers)
    with refused("no-list-of-layers", "4"):
        layout_of(base, "odd")


def test_layers_that_share_weights_are_refused() -> None:
    """Zamba2's hybrid layers share one transformer: an adapter on one of them would be none of its own."""
    import torch

    from objectives.bases.layout import layout_of
    from tests.support.architectures import random_model

    model = random_model("llama")
    layout_of(model, "apart")
    layers = model.model.layers
    layers[2].mlp.up_proj.weight = layers[0].mlp.up_proj.weight
    assert isinstance(layers[2].mlp.up_proj, torch.nn.Linear)
    with refused("layers-share-weights", "0", "2", "'shared'"):
        layout_of(model, "shared")


def test_a_linear_module_that_gives_more_than_a_product_is_no_target() -> None:
    """Phi-MoE's router is a linear module by its class, and gives a tuple: every trial failed with it."""
    import torch

    from objectives.bases.layout import layout_of
    from tests.support.architectures import random_model

    class Router(torch.nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return super().forward(inputs).softmax(dim=-1)

    model = random_model("llama")
    for block in model.model.layers:
        block.mlp.router = Router(16, 4)
    assert not [path for path in layout_of(model, "routed").presets["all-linear"] if "router" in path]
