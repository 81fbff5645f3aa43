"""Adapters that are trained side by side end as they would have ended alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spaces import CorpusMix, LayerRange, Stage, Tuning
from tests.support.architectures import ARCHITECTURES, random_model
from tests.support.refusals import refused
from tests.support.training import spec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.training.packed import Packed

pytestmark = pytest.mark.torch

STEPS = 50


def _trials(base: PreTrainedModel, **tuning: object) -> list[Packed]:
    """Four trials that differ in all that trials may differ in."""
    from objectives.bases.layout import find_blocks, is_linear
    from objectives.data.order import MixStream
    from objectives.training.packed import Packed

    linear = tuple(path for path, module in find_blocks(base)[1][0].named_modules() if is_linear(module))
    rng = np.random.default_rng(0)
    tokens = {name: rng.integers(1, 60, 600).astype(np.int32) for name in "ab"}
    found = []
    for seed, (method, rank, targets, frozen, rate, texts) in enumerate(
        [
            ("lora", 2, linear, (), 1e-3, "a"),
            ("rslora", 5, linear[:1], (LayerRange(0, 1),), 2e-3, "b"),
            ("loraplus", 3, linear[1:3], (LayerRange(2, 2),), 2e-4, "ab"),
            ("lora", 8, linear[:2], (), 5e-4, "ba"),
        ]
    ):
        mix = CorpusMix.equal(texts)
        chosen = Tuning(method, rank, 2.0 * rank, 0.0, targets)
        stage = Stage("train", mix, chosen, frozen, 100_000, rate)
        found.append(
            Packed(stage, seed, MixStream(mix, tokens, spec().sequence_length, STEPS * spec().batch_size, seed))
        )
    return found


@pytest.mark.parametrize("kind", [kind for kind in ARCHITECTURES if kind not in ("opt", "gpt2")])
def test_each_ends_as_alone(kind: str) -> None:
    import torch

    from objectives.training.adapter import adapted
    from objectives.training.loop import Trainer
    from objectives.training.packed import PackedTrainer
    from spaces.methods import METHODS

    base = random_model(kind)
    trials = _trials(base)
    packed = PackedTrainer(base, trials, spec(), STEPS)
    losses = np.add(packed.run(20), 0) * 20 + np.multiply(packed.run(STEPS), STEPS - 20)
    for number, trial in enumerate(trials):
        with adapted(base, trial.stage, trial.seed) as tuned:
            b_rate = METHODS[trial.stage.tuning.method].b_rate
            alone = Trainer(tuned, trial.stream, spec(), STEPS, trial.stage.learning_rate, b_rate)
            assert alone.run(STEPS) == pytest.approx(losses[number] / STEPS, abs=1e-5)
            layers = dict(tuned.get_base_model().named_modules())
            found = packed.matrices(number)
            assert found.keys() == {path for path, layer in layers.items() if hasattr(layer, "lora_A")}
            for path, matrices in found.items():
                layer = layers[path]
                assert torch.allclose(matrices.down, layer.lora_A["default"].weight, atol=1e-5)
                assert torch.allclose(matrices.up, layer.lora_B["default"].weight, atol=1e-5)
                assert matrices.scale == pytest.approx(layer.scaling["default"])


def test_the_base_is_left_as_it_was() -> None:
    import torch

    from objectives.training.packed import PackedTrainer

    base = random_model("llama")
    tokens = torch.arange(1, 20)[None]
    with torch.no_grad():
        before = base(input_ids=tokens).logits
        PackedTrainer(base, _trials(base), spec(), STEPS)
    with torch.enable_grad():
        PackedTrainer(base, _trials(base), spec(), STEPS).run(3)
    with torch.no_grad():
        assert torch.equal(base(input_ids=tokens).logits, before)


@pytest.mark.parametrize("tuning", [Tuning("dora", 4, 8.0, 0.0, ("q_proj",)), Tuning("lora", 4, 8.0, 0.1, ("q_proj",))])
def test_more_than_lora_is_refused(tuning: Tuning) -> None:
    from dataclasses import replace

    from objectives.training.packed import PackedTrainer

    base = random_model("llama")
    (first, *_) = _trials(base)
    with refused("tuning-not-packable", tuning.method, f"{tuning.dropout:g}"):
        PackedTrainer(base, [replace(first, stage=replace(first.stage, tuning=tuning))], spec(), STEPS)
