"""The short ways of a training step compute what the long ones do."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.architectures import random_model

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig

pytestmark = pytest.mark.torch

_WIDTH = st.integers(1, 40)


def _lora(**options: object) -> LoraConfig:
    from peft import LoraConfig

    return LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "down_proj"], init_lora_weights=False, **options)


def _gradients(module: torch.nn.Module, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Output and all gradients of a sum that weighs outputs unequally."""
    import torch

    inputs = inputs.clone().requires_grad_()
    output = module(inputs)
    torch.sin(output).sum().backward()  # type: ignore[no-untyped-call]
    found = [output, inputs.grad, *(weight.grad for weight in module.parameters() if weight.requires_grad)]
    return [each for each in found if each is not None]


def _same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    import torch

    return len(first) == len(second) and all(
        torch.allclose(one, other, atol=1e-5) for one, other in zip(first, second, strict=True)
    )


@given(rows=st.lists(st.integers(1, 5), min_size=1, max_size=3), inner=_WIDTH, outer=_WIDTH, bias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_onednn_multiplies_as_torch_does(rows: list[int], inner: int, outer: int, bias: bool) -> None:
    import torch

    from objectives.acceleration.onednn import OneDnnLinear

    plain = torch.nn.Linear(inner, outer, bias=bias)
    quick = copy.deepcopy(plain)
    quick.__class__ = OneDnnLinear
    inputs = torch.randn(*rows, inner)
    assert _same(_gradients(quick, inputs), _gradients(plain, inputs))


def test_gradients_may_be_of_any_layout() -> None:
    import torch

    from objectives.acceleration.onednn import OneDnnLinear

    plain, quick = torch.nn.Linear(4, 6), OneDnnLinear(4, 6)
    quick.load_state_dict(plain.state_dict())
    inputs = torch.randn(3, 5, 4).transpose(0, 1)
    for module in (plain, quick):
        module(inputs).transpose(1, 2).sum().backward()
    assert plain.weight.grad is not None
    assert quick.weight.grad is not None
    assert torch.allclose(quick.weight.grad, plain.weight.grad, atol=1e-5)


def test_only_plain_float_modules_are_quickened(monkeypatch: pytest.MonkeyPatch) -> None:
    from objectives.acceleration import onednn

    monkeypatch.setattr(onednn, "pays", lambda: True)
    single, double = random_model("llama"), random_model("llama").double()
    for model in (single, double):
        onednn.use_onednn(model)
    assert any(isinstance(module, onednn.OneDnnLinear) for module in single.modules())
    assert not any(isinstance(module, onednn.OneDnnLinear) for module in double.modules())
    monkeypatch.setattr(onednn, "pays", lambda: False)
    untouched = random_model("llama")
    onednn.use_onednn(untouched)
    assert not any(isinstance(module, onednn.OneDnnLinear) for module in untouched.modules())


@pytest.mark.parametrize(("maker", "paid"), [("AuthenticAMD", True), ("GenuineIntel", False), ("", False)])
def test_it_pays_where_mkl_holds_back(monkeypatch: pytest.MonkeyPatch, maker: str, paid: bool) -> None:
    import torch

    from objectives.acceleration import onednn

    monkeypatch.setattr(onednn, "_vendor", lambda: maker)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert onednn.pays.__wrapped__() is (paid and torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not onednn.pays.__wrapped__()


@pytest.mark.parametrize("quick", [False, True])
def test_lora_in_one_step_is_pefts(monkeypatch: pytest.MonkeyPatch, quick: bool) -> None:
    import torch
    from peft import get_peft_model

    from objectives.acceleration import onednn
    from objectives.acceleration.fused_lora import FusedLoraLinear, fuse_lora

    monkeypatch.setattr(onednn, "pays", lambda: quick)
    base = random_model("llama")
    onednn.use_onednn(base)
    tuned = get_peft_model(base, _lora())
    tokens = torch.arange(1, 13).view(2, 6)

    def learned() -> list[torch.Tensor]:
        tuned.zero_grad()
        output = tuned(input_ids=tokens).logits
        output.logsumexp(-1).sum().backward()
        return [output.detach(), *(w.grad.clone() for w in tuned.parameters() if w.grad is not None)]

    before = learned()
    fuse_lora(tuned)
    assert sum(isinstance(module, FusedLoraLinear) for module in tuned.modules()) == 2 * base.config.num_hidden_layers
    assert _same(learned(), before)
    with torch.no_grad(), tuned.disable_adapter():
        off = tuned(input_ids=tokens).logits
    merged = tuned.merge_and_unload()
    with torch.no_grad():
        assert torch.allclose(merged(input_ids=tokens).logits, before[0], atol=1e-4)
    assert not torch.allclose(off, before[0], atol=1e-3)


def test_lora_on_a_base_in_bfloat16_is_pefts_but_for_rounding() -> None:
    import torch
    from peft import get_peft_model

    from objectives.acceleration.fused_lora import FusedLoraLinear, fuse_lora

    tuned = get_peft_model(random_model("llama").bfloat16(), _lora())
    tokens = torch.arange(1, 13).view(2, 6)
    found = []
    for _ in range(2):
        tuned.zero_grad()
        output = tuned(input_ids=tokens).logits
        output.float().logsumexp(-1).sum().backward()
        trained = [weight for weight in tuned.parameters() if weight.requires_grad]
        assert all(weight.grad is not None and weight.grad.dtype == torch.float32 for weight in trained)
        found.append(torch.cat([output.detach().float().flatten(), *(w.grad.flatten() for w in trained)]))
        fuse_lora(tuned)
    assert any(isinstance(module, FusedLoraLinear) for module in tuned.modules())
    assert (found[0] - found[1]).norm() < 0.02 * found[0].norm()


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_dropout": 0.1}])
def test_more_than_lora_is_left_to_peft(options: dict[str, object]) -> None:
    from peft import get_peft_model

    from objectives.acceleration.fused_lora import FusedLoraLinear, fuse_lora

    tuned = get_peft_model(random_model("llama"), _lora(**options))
    fuse_lora(tuned)
    assert not any(isinstance(module, FusedLoraLinear) for module in tuned.modules())
