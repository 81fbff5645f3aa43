"""The adapter and the loop, on the shipped base."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spaces import CorpusMix, LayerRange, Stage, TrialConfig, Tuning
from tests.support.refusals import refused
from tests.support.training import Constant, spec, weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.training.pipeline import Pipeline

pytestmark = pytest.mark.torch

ATTENTION = tuple(f"self_attn.{letter}_proj" for letter in "qkvo")


@pytest.fixture(scope="module")
def base() -> PreTrainedModel:
    from objectives.worker import open_base

    return open_base("tiny").model("float32", "cpu")


def stage(*, frozen: tuple[LayerRange, ...] = (), targets: tuple[str, ...] = ATTENTION, dropout: float = 0.0) -> Stage:
    return Stage("train", CorpusMix.equal(["a"]), Tuning("lora", 4, 8, dropout, targets), frozen, 1000, 5e-3)


def pipeline_of(base: PreTrainedModel, *stages: Stage) -> Pipeline:
    """Stages on a text of 500 tokens."""
    from objectives.training.pipeline import Pipeline

    tokens = {"a": np.arange(500, dtype=np.int32) % 60}
    return Pipeline(base, TrialConfig("tiny", 0, stages), tokens, spec())


def train(base: PreTrainedModel, steps: int, *, seed: int = 0, **options: Any) -> Iterator[Any]:
    from objectives.training.adapter import adapted
    from objectives.training.loop import Trainer

    rate = options.pop("rate", 5e-3)
    with adapted(base, stage(**options), seed) as model:
        trainer = Trainer(model, Constant(), spec(), 10, rate)  # type: ignore[arg-type]
        yield model, trainer, trainer.run(steps)


def test_only_chosen_modules_of_trained_layers_have_weights_to_train(base: PreTrainedModel) -> None:
    for model, _, _ in train(
        base, 1, frozen=(LayerRange(0, 0), LayerRange(3, 3)), targets=("self_attn.q_proj", "mlp.up_proj")
    ):
        names = [name for name, weight in model.named_parameters() if weight.requires_grad]
        assert {name.split(".layers.")[1].split(".")[0] for name in names} == {"1", "2"}
        assert {name.split(".lora_")[0].rsplit(".", 1)[1] for name in names} == {"q_proj", "up_proj"}
        assert len(names) == 2 * 2 * 2


def test_training_changes_the_adapter_and_nothing_else(base: PreTrainedModel) -> None:
    import torch

    before = weights(base)
    for model, _, _ in train(base, 3):
        now = weights(model)
        frozen = [name for name in now if ".lora_" not in name]
        assert len(frozen) == len(before)
        originals = {name.removeprefix("base_model.model.").replace(".base_layer", ""): name for name in frozen}
        assert originals.keys() == before.keys()
        assert all(torch.equal(now[name], before[original]) for original, name in originals.items())
        assert sum(float(now[name].abs().sum()) for name in now if ".lora_B" in name) > 0
    after = weights(base)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(weight.requires_grad for weight in base.parameters())


def test_the_base_answers_bit_for_bit_as_before(base: PreTrainedModel) -> None:
    import torch

    tokens = torch.arange(1, 20)[None]
    before = base(input_ids=tokens).logits
    for model, _, _ in train(base, 3):
        assert not torch.equal(model(input_ids=tokens).logits, before)
    assert torch.equal(base(input_ids=tokens).logits, before)


def test_the_base_is_restored_after_an_error_within(base: PreTrainedModel) -> None:
    from objectives.training.adapter import adapted

    before = set(weights(base))
    with pytest.raises(RuntimeError, match="within"), adapted(base, stage(), 0):
        raise RuntimeError("within")
    assert set(weights(base)) == before


def test_no_optimizer_state_and_no_gradient_for_frozen_weights(base: PreTrainedModel) -> None:
    for model, trainer, _ in train(base, 1, frozen=(LayerRange(0, 1),)):
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        assert len(trainer._optimizer.state) == len(trained) == 2 * 4 * 2
        assert all(weight.grad is None for weight in model.parameters() if not weight.requires_grad)


def test_the_loss_falls(base: PreTrainedModel) -> None:
    for _, trainer, first in train(base, 2, rate=2e-2):
        assert trainer.run(10) < 0.8 * first


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_equal_seeds_give_equal_adapters_and_others_do_not(base: PreTrainedModel, dropout: float) -> None:
    import torch

    found = []
    for seed in (1, 1, 2):
        for model, _, _ in train(base, 4, seed=seed, dropout=dropout):
            found.append({name: weight for name, weight in weights(model).items() if "lora" in name})
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert any(not torch.equal(found[0][name], found[2][name]) for name in found[0])


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    from objectives.training.fit import rate_share

    rates = [rate_share(step, 10, 2) for step in range(10)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rate_share(10, 10, 2) == 0


def test_training_in_pieces_is_training_in_one(base: PreTrainedModel) -> None:
    import torch

    found = []
    for pieces in ((10,), (3, 7, 10)):
        for model, trainer, _ in train(base, 0):
            for until in pieces:
                trainer.run(until)
            found.append({name: weight for name, weight in weights(model).items() if "lora" in name})
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_a_loss_that_explodes_says_what_to_change(base: PreTrainedModel) -> None:
    with refused("loss-diverged", "1e+30", "space.learning_rate"):
        list(train(base, 10, rate=1e30))


@pytest.mark.parametrize("damage", ["cut", "empty", "other", "folder"])
def test_a_state_that_is_damaged_is_not_used(base: PreTrainedModel, tmp_path: Path, damage: str) -> None:
    from safetensors.torch import save_file
    from torch import zeros

    from objectives.base import Rung
    from objectives.training import artifact, state

    rung = Rung(0, 64, 0.5, 0.1, 0.2, artifact="rung-0")
    with pipeline_of(base, stage()) as trained:
        trained.run(1)
        artifact.save(trained, tmp_path / "rung-0", iter([{"stage": "0-train", "losses": [[64, 3.0]]}]))
        state.save(trained, rung, "mine", tmp_path)
    with pipeline_of(base, stage()) as again:
        assert state.restore(again, "mine", tmp_path) == rung
        assert again.step == 1
        assert again.stages[0].losses == [(64, 3.0)]
    with pipeline_of(base, stage()) as again:
        (file,) = tmp_path.glob("state/*")
        if damage == "cut":
            file.write_bytes(file.read_bytes()[:-100])
        elif damage == "empty":
            file.write_bytes(b"")
        elif damage == "other":
            save_file({"a": zeros(2)}, file)
        else:
            file.unlink()
            file.mkdir()
        assert state.restore(again, "mine", tmp_path) is None


def test_an_adapter_folder_appears_whole_or_not_at_all(base: PreTrainedModel, tmp_path: Path) -> None:
    from objectives.training import artifact

    with pipeline_of(base, stage()) as trained:
        trained.run(1)
        artifact.save(trained, tmp_path / "rung-0", iter([{"n": 1}]))
        with pytest.raises(TypeError, match="not JSON serializable"):
            artifact.save(trained, tmp_path / "rung-1", iter([{"n": object()}]))
    assert not (tmp_path / "rung-1").exists()
    assert (tmp_path / "rung-0" / "0-train" / "adapter_model.safetensors").is_file()


def test_a_saved_adapter_loads_with_plain_peft(base: PreTrainedModel, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    from objectives.training import artifact
    from objectives.worker import open_base

    tokens = torch.arange(1, 20)[None]
    with pipeline_of(base, stage(frozen=(LayerRange(0, 1),))) as trained:
        trained.run(3)
        artifact.save(trained, tmp_path / "rung-0", iter([]))
        with torch.no_grad():
            expected = base(input_ids=tokens).logits
    fresh = open_base("tiny").model("float32", "cpu")
    loaded = PeftModel.from_pretrained(fresh, tmp_path / "rung-0" / "0-train").eval()
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=tokens).logits, expected)
