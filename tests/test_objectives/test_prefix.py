"""Frozen layers that are passed over change nothing but the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spaces import CorpusMix, LayerRange, Stage, TrialConfig, Tuning
from tests.support.architectures import ARCHITECTURES, random_model
from tests.support.training import spec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.training.pipeline import Pipeline

pytestmark = pytest.mark.torch

_PAIRS = [((5, 6, 7), (8, 9)), ((5, 6, 7), (9,)), ((4,), (3, 2, 1)), ((9, 8, 7, 6, 5), (4, 3))]

_STILL = {"dropout": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


def _pipeline(base: PreTrainedModel, lowest: int, seed: int = 3, **fields: Any) -> Pipeline:
    from objectives.bases.layout import find_blocks, is_linear
    from objectives.training.pipeline import Pipeline

    targets = tuple(path for path, module in find_blocks(base)[1][0].named_modules() if is_linear(module))
    frozen = (LayerRange(0, lowest - 1),) if lowest else ()
    stage = Stage("train", CorpusMix.equal(["a", "b"]), Tuning("lora", 4, 8.0, 0.0, targets), frozen, 640, 1e-2)
    rng = np.random.default_rng(0)
    tokens = {name: rng.integers(1, 60, 200).astype(np.int32) for name in "ab"}
    return Pipeline(base, TrialConfig("random", seed, (stage,)), tokens, spec(**fields))


def _still(kind: str) -> PreTrainedModel:
    """A model that leaves nothing out at random in training."""
    model = random_model(kind)
    return random_model(kind, **{name: 0 for name in _STILL if hasattr(model.config, name)})


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("lowest", [1, 2])
def test_losses_and_answers_are_the_same(kind: str, lowest: int) -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of
    from objectives.scoring.likelihood import log_likelihoods

    base = _still(kind)
    with _pipeline(base, lowest) as plain:
        assert not prefix_of(base).active
        losses = [plain.run(step) for step in (4, 10)]
        answers = log_likelihoods(base, _PAIRS, 8)
    enable_prefix_cache(base, 1 << 20)
    for _ in range(2):
        with _pipeline(base, lowest) as kept:
            assert prefix_of(base).active
            assert [kept.run(step) for step in (4, 10)] == pytest.approx(losses, rel=1e-5)
            first = log_likelihoods(base, _PAIRS, 8)
            again = log_likelihoods(base, _PAIRS, 8)
        for found in (first, again):
            assert np.allclose([nats for nats, _ in found], [nats for nats, _ in answers], atol=1e-4)
    assert not prefix_of(base).active


def test_known_layers_are_not_run_again() -> None:
    from objectives.acceleration.prefix import enable_prefix_cache
    from objectives.bases.layout import find_blocks
    from objectives.scoring.likelihood import log_likelihoods, takes_prompts

    base = random_model("llama")
    enable_prefix_cache(base, 1 << 20)
    with _pipeline(base, 2):
        takes_prompts(base)  # what is tried once is tried now
    calls: list[int] = []
    for number in (0, 2):
        mlp = find_blocks(base)[1][number].get_submodule("mlp")
        mlp.register_forward_hook(lambda *_, number=number: calls.append(number))
    with _pipeline(base, 2) as first:
        first.run(10)
        log_likelihoods(base, _PAIRS, 8)
    before = calls.count(0), calls.count(2)
    with _pipeline(base, 2) as second:
        second.run(10)
        log_likelihoods(base, _PAIRS, 8)
    assert calls.count(0) == before[0]
    assert calls.count(2) == 2 * before[1]


def test_trials_with_other_seeds_read_the_same_windows() -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of

    base = random_model("llama")
    enable_prefix_cache(base, 1 << 20)
    sizes = []
    for seed in range(6):
        with _pipeline(base, 1, seed) as run:
            run.run(10)
        sizes.append(prefix_of(base).size)
    assert sizes[-1] == sizes[2] > 0


def test_no_more_is_kept_than_allowed() -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of
    from objectives.scoring.likelihood import log_likelihoods

    base = random_model("llama")
    limit = 3 * 16 * 16 * 4
    enable_prefix_cache(base, limit)
    with _pipeline(base, 1) as run:
        run.run(10)
        assert 0 < prefix_of(base).size <= limit // 2
        log_likelihoods(base, _PAIRS * 20, 8)
    assert prefix_of(base).size <= limit


def test_a_model_that_drops_numbers_at_random_runs_as_ever() -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of

    base = random_model("opt")
    assert base.config.dropout
    enable_prefix_cache(base, 1 << 20)
    with _pipeline(base, 1):
        assert not prefix_of(base).active


def test_an_architecture_whose_layers_cannot_be_passed_over_runs_as_ever() -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of
    from objectives.bases.layout import find_blocks

    base = random_model("llama")
    blocks = find_blocks(base)[1]
    memory = []
    blocks[1].register_forward_hook(lambda _, __, output: memory.append(output.sum()))
    blocks[2].register_forward_hook(lambda _, __, output: output * memory[-1])
    enable_prefix_cache(base, 1 << 20)
    with _pipeline(base, 2):
        assert not prefix_of(base).active
    with _pipeline(base, 1):
        assert prefix_of(base).active


def _other(kind: str) -> PreTrainedModel:
    """A model whose layers are unlike those of most: some without keys and values, or returning lists."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    fields: dict[str, Any] = {
        "openai-gpt": {"vocab_size": 64, "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64}
        | {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
        "lfm2": {**ARCHITECTURES["llama"].fields, "layer_types": ["conv", "full_attention", "full_attention"]},
    }[kind]
    torch.manual_seed(0)
    made: PreTrainedModel = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields)).eval()
    return made.requires_grad_(requires_grad=False)


@pytest.mark.parametrize("kind", ["openai-gpt", "lfm2"])
def test_an_architecture_that_fails_at_it_runs_as_ever(kind: str) -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of

    base = _other(kind)
    enable_prefix_cache(base, 1 << 20)
    with prefix_of(base).frozen(1):
        assert not prefix_of(base).active
    assert not base.training


def test_computing_activations_anew_and_passing_over_layers_exclude_each_other() -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of

    base = random_model("llama")
    enable_prefix_cache(base, 1 << 20)
    with _pipeline(base, 1, gradient_checkpointing=True):
        assert not prefix_of(base).active


def test_a_model_that_is_gone_takes_what_was_kept_with_it() -> None:
    import gc
    from weakref import ref

    from objectives.acceleration.prefix import enable_prefix_cache

    base = random_model("llama")
    enable_prefix_cache(base, 1 << 20)
    with _pipeline(base, 1) as run:
        run.run(2)
    gone = ref(base)
    del base, run
    gc.collect()
    assert gone() is None


def test_every_number_of_frozen_layers_gets_its_share() -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of

    base = random_model("llama")
    limit = 8 * 16 * 16 * 4
    enable_prefix_cache(base, limit)
    for lowest in (1, 2):
        with _pipeline(base, lowest) as run:
            run.run(10)
            run.run(20)
    sizes = [outputs.size for outputs in prefix_of(base)._outputs.values()]
    assert len(sizes) == 2
    assert all(0 < size <= limit // 2 for size in sizes)


@pytest.mark.parametrize("fields", [{"gradient_accumulation_steps": 2}])
def test_steps_that_save_memory_pass_over_layers_too(fields: dict[str, Any]) -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of

    base = random_model("llama")
    with _pipeline(base, 1) as plain:
        losses = [plain.run(step) for step in (4, 10)]
    enable_prefix_cache(base, 1 << 20)
    for _ in range(2):
        with _pipeline(base, 1, **fields) as kept:
            assert prefix_of(base).active
            assert [kept.run(step) for step in (4, 10)] == pytest.approx(losses, rel=1e-4)


def test_an_error_in_a_pass_leaves_the_layers_as_they_were() -> None:
    import torch

    from objectives.acceleration.prefix import Row, enable_prefix_cache, prefix_of
    from objectives.bases.layout import find_blocks

    base = random_model("llama")
    enable_prefix_cache(base, 1 << 20)
    prefix, rows = prefix_of(base), [Row((5, 6, 7))]
    tokens = torch.tensor([[5, 6, 7]])

    def fails() -> None:
        base(input_ids=tokens)
        raise ValueError("no memory")

    with prefix.frozen(2), torch.no_grad():
        before = prefix.run(lambda: base(input_ids=tokens).logits, rows, skip=False)
        with pytest.raises(ValueError, match="no memory"):
            prefix.run(fails, rows, skip=True)
    assert not any("forward" in vars(block) or block._forward_pre_hooks for block in find_blocks(base)[1])
    with torch.no_grad():
        assert torch.equal(base(input_ids=tokens).logits, before)
