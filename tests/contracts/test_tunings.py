"""Every method of tuning learns, goes on after a break, merges, leaves the base alone and loads with plain peft."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spaces import CorpusMix, LayerRange, Stage, Tuning
from spaces.methods import METHODS
from tests.support.architectures import ARCHITECTURES, random_model
from tests.support.refusals import refused
from tests.support.training import Constant, spec

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

    from objectives.training.loop import Trainer

pytestmark = pytest.mark.torch

STEPS = 10
LEARNING_RATE = 2e-2


PAIRS = [
    (kind, method)
    for kind, architecture in ARCHITECTURES.items()
    for method in METHODS
    if architecture.biases or method != "bitfit"  # refused before: tests/test_spaces/test_space.py
]
"""Every architecture with every method that it can be tuned by."""


def third(number: int) -> list[tuple[str, str]]:
    """One third of the pairs, by a law: each law meets every architecture and every method, and each pair one."""
    kinds, methods = list(ARCHITECTURES), list(METHODS)
    return [(kind, method) for kind, method in PAIRS if (kinds.index(kind) + methods.index(method)) % 3 == number]


@pytest.fixture(scope="module")
def base(request: pytest.FixtureRequest) -> PreTrainedModel:
    return random_model(request.param)


def stage_of(method: str, base: PreTrainedModel) -> Stage:
    """Training of all that a method can train in the upper two of three layers."""
    from objectives.bases.layout import find_blocks, is_linear

    kind = METHODS[method]
    _, blocks = find_blocks(base)
    targets = tuple(path for path, module in blocks[0].named_modules() if is_linear(module)) if kind.targets else ()
    tuning = Tuning(method, 4 if kind.low_rank else 0, 8.0 if kind.low_rank else 0.0, 0.0, targets)
    frozen = () if kind.whole else (LayerRange(0, 0),)
    return Stage("train", CorpusMix.equal(["a"]), tuning, frozen, 1000, LEARNING_RATE)


@pytest.fixture
def stage(request: pytest.FixtureRequest, base: PreTrainedModel) -> Stage:
    return stage_of(request.param, base)


def trained(base: PreTrainedModel, stage: Stage) -> Iterator[tuple[PeftModel, Trainer]]:
    from objectives.training.adapter import adapted
    from objectives.training.loop import Trainer

    with adapted(base, stage, 0) as model:
        method = METHODS[stage.tuning.method]
        yield model, Trainer(model, Constant(), spec(), STEPS, LEARNING_RATE, method.b_rate)  # type: ignore[arg-type]


def answers(model: torch.nn.Module) -> torch.Tensor:
    import torch

    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=torch.arange(1, 20)[None]).logits
    return logits


def test_each_law_meets_every_architecture_and_every_method() -> None:
    for number in range(3):
        kinds, methods = zip(*third(number), strict=True)
        assert (set(kinds), set(methods)) == (set(ARCHITECTURES), set(METHODS))
    assert sorted(third(0) + third(1) + third(2)) == sorted(PAIRS)


@pytest.mark.parametrize(("base", "stage"), third(0), indirect=True)
def test_it_learns_and_leaves_the_base_alone(base: PreTrainedModel, stage: Stage) -> None:
    import torch

    before = answers(base)
    for model, trainer in trained(base, stage):
        first, last = trainer.run(2), trainer.run(STEPS)
        assert last < first
        trainable = [name for name, weight in model.named_parameters() if weight.requires_grad]
        if stage.frozen:
            assert not any(".0." in name.split("default")[0] for name in trainable), "the lowest layer is frozen"
    assert torch.equal(answers(base), before)
    assert not any(weight.requires_grad for weight in base.parameters())


@pytest.mark.parametrize(("base", "stage"), third(1), indirect=True)
def test_it_trains_as_many_weights_as_the_layout_says(base: PreTrainedModel, stage: Stage, tmp_path: Path) -> None:
    from objectives.worker import open_base

    base.save_pretrained(tmp_path)
    layout = open_base(str(tmp_path)).layout()
    for model, _ in trained(base, stage):
        found = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        assert found == layout.trained_weights(stage.tuning, layers=[1, 2])


@pytest.mark.parametrize(("base", "stage"), third(2), indirect=True)
def test_going_on_is_training_in_one(base: PreTrainedModel, stage: Stage) -> None:
    import torch

    def weights(break_at: int | None) -> list[torch.Tensor]:
        kept: dict[str, torch.Tensor] = {}
        if break_at is not None:
            for _, trainer in trained(base, stage):
                trainer.run(break_at)
                kept = {name: tensor.clone() for name, tensor in trainer.tensors().items()}
                random = torch.get_rng_state()  # of the dropout that some architectures have of their own
        for _, trainer in trained(base, stage):
            if break_at is not None:
                trainer.load(kept, break_at)
                torch.set_rng_state(random)
            trainer.run(8)
            found = [weight.detach().clone() for weight in trainer._weights]
        return found

    whole, broken = weights(None), weights(3)
    assert all(torch.equal(one, other) for one, other in zip(whole, broken, strict=True))


@pytest.mark.parametrize(("base", "stage"), PAIRS, indirect=True)
@pytest.mark.filterwarnings(
    "ignore:Unsupported layer type", "ignore:Found missing adapter keys", "ignore:Model has `tie_word_embeddings=True`"
)
def test_what_it_has_learned_loads_with_plain_peft_and_merges(
    base: PreTrainedModel, stage: Stage, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel

    from objectives.training.adapter import restore
    from objectives.training.stage_adapter import StageAdapter

    before = answers(base)
    for model, trainer in trained(base, stage):
        trainer.run(4)
        learned = StageAdapter.of("0-train", model)
        expected = answers(model)
        count = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert learned.trainable == count, "nothing is kept that was not trained"
    folder = learned.save(tmp_path)
    plain = PeftModel.from_pretrained(copy.deepcopy(base), folder).eval()
    assert torch.allclose(answers(plain), expected, atol=1e-5)
    weights = StageAdapter.load(folder).merge_into(base)
    assert torch.allclose(answers(base), expected, atol=1e-5)
    assert not torch.allclose(before, expected, atol=1e-4)
    restore(base, weights)
    assert torch.equal(answers(base), before)


def test_with_loraplus_b_takes_steps_of_its_own_size() -> None:
    base = random_model("llama")
    for model, trainer in trained(base, stage_of("loraplus", base)):
        trainer.run(3)
        names = {id(weight): name for name, weight in model.named_parameters()}
        slow, fast = trainer._optimizer.param_groups
        assert fast["lr"] == pytest.approx(16 * slow["lr"])
        assert all("lora_B" in names[id(weight)] for weight in fast["params"])
        assert all("lora_A" in names[id(weight)] for weight in slow["params"])


def test_bitfit_shares_the_weights_that_it_does_not_train() -> None:
    base = random_model("opt")
    matrix = base.get_parameter("model.decoder.layers.1.fc1.weight")
    for model, _ in trained(base, stage_of("bitfit", base)):
        copies = [weight for weight in model.parameters() if weight.shape == matrix.shape]
        assert any(weight is matrix for weight in copies)
        assert len({id(weight) for weight in copies}) == 3, "one of each layer, none twice"


def test_an_adapter_of_another_base_is_refused() -> None:
    from objectives.training.stage_adapter import StageAdapter

    base = random_model("llama")
    for model, _ in trained(base, stage_of("lora", base)):
        learned = StageAdapter.of("0-train", model)
    other = {key.replace("layers.1.", "layers.7."): tensor for key, tensor in learned.tensors.items()}
    with refused("adapter-of-other-base"):
        replace(learned, tensors=other).merge_into(base)
    assert not hasattr(base, "peft_config")
