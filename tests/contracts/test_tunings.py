"""Every method of tuning: it learns, goes on after a break, leaves the base alone, and loads with plain peft."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.training.tunings import TUNINGS
from spaces import CorpusMix, LayerRange, Stage, Tuning
from spaces.methods import METHODS
from tests.test_objectives.test_training import ATTENTION, Constant, spec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

pytestmark = pytest.mark.torch


@pytest.fixture(params=list(TUNINGS))
def stage(request: pytest.FixtureRequest) -> Stage:
    tuning = Tuning(request.param, 4, 8, 0.0, ATTENTION)
    return Stage("train", CorpusMix.equal(["a"]), tuning, (LayerRange(0, 0),), 1000, 2e-3)


@pytest.fixture(params=["llama", "gpt2"])
def base(request: pytest.FixtureRequest) -> PreTrainedModel:
    """A Llama, and a GPT-2, whose weights are stored transposed."""
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    torch.manual_seed(0)
    config: Any = LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    if request.param == "gpt2":
        config = GPT2Config(
            vocab_size=64, n_embd=16, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0
        )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
    return model.requires_grad_(requires_grad=False)


def fitting(stage: Stage, base: PreTrainedModel) -> Stage:
    from dataclasses import replace

    targets = ("attn.c_attn", "mlp.c_fc") if base.config.model_type == "gpt2" else ("self_attn.q_proj", "mlp.up_proj")
    return replace(stage, tuning=replace(stage.tuning, targets=targets))


def test_the_table_has_every_name_of_a_study_file() -> None:
    assert tuple(TUNINGS) == METHODS


def test_it_learns_and_leaves_the_base_alone(base: PreTrainedModel, stage: Stage) -> None:
    import torch

    from objectives.training.adapter import adapted
    from objectives.training.loop import Trainer

    tokens = torch.arange(1, 20)[None]
    before = base(input_ids=tokens).logits
    with adapted(base, fitting(stage, base), 0) as model:
        trainer = Trainer(model, Constant(), spec(), 2e-2, TUNINGS[stage.tuning.method].b_rate)  # type: ignore[arg-type]
        first, last = trainer.run(2), trainer.run(10)
        assert last < first
    assert torch.equal(base(input_ids=tokens).logits, before)


def test_going_on_is_training_in_one(base: PreTrainedModel, stage: Stage) -> None:
    import torch

    from objectives.training.adapter import adapted
    from objectives.training.loop import Trainer

    def trained(break_at: int | None) -> list[torch.Tensor]:
        with adapted(base, fitting(stage, base), 0) as model:
            rate = TUNINGS[stage.tuning.method].b_rate
            trainer = Trainer(model, Constant(), spec(), 2e-2, rate)  # type: ignore[arg-type]
            if break_at is not None:
                trainer.run(break_at)
                kept = {name: tensor.clone() for name, tensor in trainer.tensors().items()}
                trainer = Trainer(model, Constant(), spec(), 2e-2, rate)  # type: ignore[arg-type]
                trainer.load(kept, break_at)
            trainer.run(8)
            return [weight.detach().clone() for weight in trainer._weights]

    whole, broken = trained(None), trained(3)
    assert all(torch.equal(one, other) for one, other in zip(whole, broken, strict=True))


def test_its_adapter_loads_with_plain_peft(base: PreTrainedModel, stage: Stage, tmp_path: Path) -> None:
    import copy

    import torch
    from peft import PeftModel

    from objectives.training import artifact
    from objectives.training.adapter import adapted
    from objectives.training.loop import Trainer

    fresh = copy.deepcopy(base)
    tokens = torch.arange(1, 20)[None]
    with adapted(base, fitting(stage, base), 0) as model:
        Trainer(model, Constant(), spec(), 2e-2, TUNINGS[stage.tuning.method].b_rate).run(4)  # type: ignore[arg-type]
        artifact.save(model, tmp_path / "rung-0", {})
        expected = model(input_ids=tokens).logits
    loaded = PeftModel.from_pretrained(fresh, tmp_path / "rung-0").eval()
    assert torch.allclose(loaded(input_ids=tokens).logits, expected, atol=1e-5)


def test_with_loraplus_b_takes_steps_of_its_own_size(base: PreTrainedModel) -> None:
    from objectives.training.adapter import adapted
    from objectives.training.loop import Trainer

    stage = Stage("train", CorpusMix.equal(["a"]), Tuning("loraplus", 4, 8, 0.0, ()), (), 1000, 2e-3)
    with adapted(base, fitting(stage, base), 0) as model:
        trainer = Trainer(model, Constant(), spec(), 1e-2, TUNINGS["loraplus"].b_rate)  # type: ignore[arg-type]
        trainer.run(3)
        names = {id(weight): name for name, weight in model.named_parameters()}
        slow, fast = trainer._optimiser.param_groups
        assert fast["lr"] == pytest.approx(16 * slow["lr"])
        assert all("lora_B" in names[id(weight)] for weight in fast["params"])
        assert all("lora_A" in names[id(weight)] for weight in slow["params"])
