"""Stages in a row: what they change, what they leave alone, and that a break changes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from objectives.base import Rung
from spaces import CorpusMix, LayerRange, Stage, TrialConfig, Tuning
from spaces.methods import METHODS
from tests.support.architectures import random_model
from tests.support.pipelines import STEP, TARGETS, THREE, logits, pipeline, stage
from tests.support.training import spec, weights

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


pytestmark = pytest.mark.torch


@pytest.fixture
def base() -> PreTrainedModel:
    """An OPT, which has biases."""
    return random_model("opt")


def changed(before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor]) -> set[str]:
    import torch

    return {name for name in before if not torch.equal(before[name], after[name])}


def test_stages_follow_one_another_and_the_base_comes_back_bit_for_bit(base: PreTrainedModel) -> None:
    before = weights(base)
    with pipeline(base, *THREE) as run:
        assert run.steps == 10
        assert [(leg.first, leg.last) for leg in run.stages] == [(0, 4), (4, 8), (8, 10)]
        assert run.run(6) is not None
        assert [learned.name for learned in run.learned()] == ["0-low", "1-high"]
        run.run(10)
        assert [learned.name for learned in run.learned()] == ["0-low", "1-high", "2-norms"]
        assert run.run(10) is None
        assert run.trainable == sum(learned.trainable for learned in run.learned())
        assert [tokens for leg in run.stages for tokens, _ in leg.losses] == [4 * STEP, 6 * STEP, 8 * STEP, 10 * STEP]
    after = weights(base)
    assert after.keys() == before.keys()
    assert not changed(before, after)
    assert not any(weight.requires_grad for weight in base.parameters())


def test_what_a_stage_must_not_touch_stays_as_it_was(base: PreTrainedModel) -> None:
    from objectives.training.adapter import restore

    before = weights(base)
    with pipeline(base, *THREE) as run:
        run.run(10)
        found = run.learned()
    expected = [
        {f"model.decoder.layers.0.{path}.weight" for path in TARGETS},
        {f"model.decoder.layers.2.{path}.weight" for path in TARGETS},
        {
            f"model.decoder.layers.{layer}.{norm}.{kind}"
            for layer in (1, 2)
            for norm in ("self_attn_layer_norm", "final_layer_norm")
            for kind in ("weight", "bias")
        },
    ]
    originals: dict[str, torch.Tensor] = {}
    for learned, names in zip(found, expected, strict=True):
        start = weights(base)
        originals = learned.merge_into(base) | originals
        assert changed(start, weights(base)) == names
    restore(base, originals)
    assert not changed(before, weights(base))


def test_what_was_learned_gives_the_trained_model_again(base: PreTrainedModel) -> None:
    import torch

    with pipeline(base, *THREE) as run:
        run.run(10)
        found, expected = run.learned(), logits(base)
    fresh = random_model("opt")
    for learned in found:
        learned.merge_into(fresh)
    assert torch.allclose(logits(fresh), expected, atol=1e-5)


@pytest.mark.parametrize("reached", [2, 4, 6, 8, 9])
def test_a_pipeline_cut_off_goes_on_as_if_nothing_had_happened(
    base: PreTrainedModel, tmp_path: Path, reached: int
) -> None:
    import torch

    from objectives.training import artifact, state

    with pipeline(base, *THREE) as whole:
        for until in (reached, 10):
            whole.run(until)
        expected = [learned.tensors for learned in whole.learned()]
    with pipeline(base, *THREE) as first:
        first.run(reached)
        lines = ({"stage": leg.name, "losses": leg.losses} for leg in first.started)
        artifact.save(first, tmp_path / "rung-0", lines)
        state.save(first, Rung(0, reached, 0.5, 0.1, 0.2, artifact="rung-0"), "mine", tmp_path)
    torch.manual_seed(99)
    with pipeline(random_model("opt"), *THREE) as second:
        assert state.restore(second, "mine", tmp_path) is not None
        assert second.step == reached
        second.run(10)
        assert [leg.losses for leg in second.stages] == [leg.losses for leg in whole.stages]
        for one, other in zip([learned.tensors for learned in second.learned()], expected, strict=True):
            assert all(torch.equal(one[name], other[name]) for name in other)


def test_without_its_earlier_stages_a_state_is_not_used(base: PreTrainedModel, tmp_path: Path) -> None:
    from objectives.training import artifact, state

    with pipeline(base, *THREE) as first:
        first.run(6)
        artifact.save(first, tmp_path / "rung-0", ({"stage": leg.name, "losses": []} for leg in first.started))
        state.save(first, Rung(0, 6, 0.5, 0.1, 0.2, artifact="rung-0"), "mine", tmp_path)
    (tmp_path / "rung-0" / "0-low" / "adapter_model.safetensors").unlink()
    with pipeline(base, *THREE) as second:
        assert state.restore(second, "mine", tmp_path) is None
        assert second.step == 0


def test_an_error_in_a_later_stage_leaves_the_base_as_it_was(base: PreTrainedModel) -> None:
    before = weights(base)

    def stop() -> None:
        with pipeline(base, *THREE) as run:
            run.run(9)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    assert not changed(before, weights(base))


def test_stages_without_texts_are_left_out(base: PreTrainedModel) -> None:
    with pipeline(base, stage("none", "lora", range(3), ""), stage("some", "ia3", range(3))) as run:
        assert [leg.name for leg in run.stages] == ["1-some"]
        assert run.steps == 4


def test_a_text_is_never_read_more_often_than_allowed(base: PreTrainedModel) -> None:
    """600 tokens: one stage of four steps and one of five; the last steps of a third would be too many."""
    from objectives.training.pipeline import Pipeline

    tokens = {"a": np.arange(600, dtype=np.int32) % 50 + 1}
    stages = [stage(name, "lora", range(3), tokens=4 * STEP) for name in ("one", "two", "three", "four")]
    trial = TrialConfig("opt", 3, tuple(stages), max_epochs=1.0)
    with Pipeline(base, trial, tokens, spec()) as run:
        assert [leg.last - leg.first for leg in run.stages] == [4, 4, 1]
        assert run.steps * STEP <= 600
        run.run(10)
        assert len(run.learned()) == 3
    with Pipeline(base, TrialConfig("opt", 3, tuple(stages), max_epochs=0.05), tokens, spec()) as nothing:
        assert nothing.stages == ()
        assert nothing.run(10) is None


def test_budgets_that_are_no_whole_steps_add_up(base: PreTrainedModel) -> None:
    parts = [stage("one", "lora", range(3), tokens=100), stage("two", "lora", range(3), tokens=540)]
    with pipeline(base, *parts) as run:
        assert [leg.last for leg in run.stages] == [1, 10]


def test_the_same_text_is_read_in_another_order_by_another_stage(base: PreTrainedModel) -> None:
    with pipeline(base, stage("one", "lora", range(3)), stage("two", "lora", range(3))) as run:
        first, second = (leg.stream.batch(0, 4) for leg in run.stages)
        assert not np.array_equal(first, second)


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if not method.whole])
def test_nothing_is_computed_below_the_lowest_trained_layer(base: PreTrainedModel, method: str) -> None:
    """Hidden states below it have no graph, and the optimizer has a state for trained weights alone."""
    below: list[bool] = []

    def note(_module: object, _inputs: object, output: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        below.append((output[0] if isinstance(output, tuple) else output).requires_grad)

    layers = base.get_submodule("model.decoder.layers")
    hooks = [
        layer.register_forward_hook(
            lambda _m, _i, out: below.append((out[0] if type(out) is tuple else out).requires_grad)
        )
        for layer in layers.children()
    ]
    with pipeline(base, stage("only", method, range(1, 3))) as run:
        run.run(1)
        trained = [weight for weight in base.parameters() if weight.requires_grad]
        assert below == [False, True, True]
        assert len(run._trainer._optimizer.state) == len(trained) > 0  # type: ignore[union-attr]
        assert all(weight.grad is None for weight in base.parameters() if not weight.requires_grad)
    for hook in hooks:
        hook.remove()


def test_accumulating_is_the_same_step() -> None:
    found = []
    plain = random_model("llama")  # without dropout, which would draw other numbers for other parts
    for accumulate in (1, 2, 4):
        with pipeline(plain, stage("only", "full", range(3)), gradient_accumulation_steps=accumulate) as run:
            found.append([run.run(step) for step in range(1, 5)])
    assert found[1] == pytest.approx(found[0], abs=1e-4)
    assert found[2] == pytest.approx(found[0], abs=1e-4)


def test_checkpointing_is_the_same_training(base: PreTrainedModel) -> None:
    """Dropout included: its random numbers are drawn again in the backward pass."""
    import torch

    found, counts = [], []
    forwards = 0

    def count(*_: object) -> None:
        nonlocal forwards
        forwards += 1

    hook = base.get_submodule("model.decoder.layers.1.fc1").register_forward_pre_hook(count)
    for checkpointing in (False, True):
        forwards = 0
        with pipeline(base, stage("only", "full", range(3)), gradient_checkpointing=checkpointing) as run:
            run.run(2)
            found.append(run.learned()[0].tensors)
            counts.append(forwards)
    hook.remove()
    assert all(torch.allclose(found[0][name], found[1][name], atol=1e-6) for name in found[0])
    assert counts == [2, 4], "each layer is computed once more for each step"
    assert not base.is_activation_checkpointing


def test_what_is_only_read_is_not_learned(base: PreTrainedModel) -> None:
    """A loss over nothing is zero and changes nothing; over a part it is that of the part."""
    from objectives.training.pipeline import Pipeline

    tokens = np.arange(1, 600, dtype=np.int32) % 50 + 1
    losses = []
    for marked in (tokens, np.where(np.arange(599) % 2, ~tokens, tokens), ~tokens):
        run = Pipeline(base, TrialConfig("opt", 3, (stage("only", "lora", range(3)),)), {"a": marked}, spec())
        with run:
            losses.append(run.run(1))
            changed_at_all = any("lora_B" in key and bool(t.any()) for key, t in run.learned()[0].tensors.items())
            assert changed_at_all == (marked.max() >= 0)
    assert losses[2] == 0.0
    assert losses[0] is not None
    assert losses[1] is not None
    assert math.isclose(losses[0], losses[1], rel_tol=0.2)
    assert losses[0] != losses[1]


def test_a_frozen_range_between_trained_ones_is_left_alone(base: PreTrainedModel) -> None:
    split = Stage("split", CorpusMix.equal(["a"]), Tuning("full", 0, 0, 0, ()), (LayerRange(1, 1),), 2 * STEP, 1e-2)
    before = weights(base)
    with pipeline(base, split) as run:
        run.run(2)
        (learned,) = run.learned()
    learned.merge_into(base)
    touched = {name.split("layers.")[1][0] for name in changed(before, weights(base))}
    assert touched == {"0", "2"}
