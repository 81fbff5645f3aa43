"""The hypernetwork: what it writes, from nothing, trained either way, and from its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spaces import Module
from tests.support.architectures import ARCHITECTURES, random_model
from tests.support.refusals import refused

if TYPE_CHECKING:
    from objectives.text_to_lora.adapters import Adapters
    from objectives.text_to_lora.target import Target

pytestmark = pytest.mark.torch

HEADS = ("L", "M", "S")
UNLIKE = (Module("self_attn.q_proj", 16, 16), Module("self_attn.v_proj", 16, 8), Module("mlp.down_proj", 32, 16))


def _target(rank: int = 2, modules: tuple[Module, ...] = UNLIKE) -> Target:
    from objectives.text_to_lora.target import Target

    return Target("model.layers", (0, 2), modules, rank, 2.0 * rank)


def _adapters(target: Target, number: int, seed: int = 0) -> Adapters:
    """Random ones."""
    import torch

    from objectives.text_to_lora.adapters import Adapters
    from objectives.training.stacked import Matrices

    draw = torch.Generator().manual_seed(seed)
    layers = len(target.layers)
    return Adapters(
        target,
        {
            module.path: Matrices(
                torch.randn(number, layers, target.rank, module.inputs, generator=draw),
                torch.randn(number, layers, module.outputs, target.rank, generator=draw),
            )
            for module in target.modules
        },
    )


def _change(adapters: Adapters, number: int) -> dict[str, np.ndarray[Any, Any]]:
    """B A of every module, by layer."""
    return {path: (each.up[number] @ each.down[number]).numpy() for path, each in adapters.matrices.items()}


@pytest.mark.parametrize("head", HEADS)
def test_the_first_adapter_changes_nothing_and_is_of_the_right_scale(head: str) -> None:
    import torch

    from objectives.text_to_lora.network import HyperNetwork, Shape

    network = HyperNetwork(_target(), 5, Shape(head=head, width=16), seed=0)
    written = network(torch.randn(3, 5)).map(torch.Tensor.detach)
    assert len(written) == 3
    for module in UNLIKE:
        each = written.matrices[module.path]
        assert each.down.shape == (3, 2, 2, module.inputs)
        assert each.up.shape == (3, 2, module.outputs, 2)
        assert not each.up.any()
        assert float(each.down.abs().max()) <= module.inputs**-0.5
        assert float(each.down.std()) == pytest.approx((3 * module.inputs) ** -0.5, rel=0.3)


@pytest.mark.parametrize("head", HEADS)
def test_every_weight_learns_and_descriptions_tell_adapters_apart(head: str) -> None:
    import torch

    from objectives.text_to_lora.network import HyperNetwork, Shape

    network = HyperNetwork(_target(), 5, Shape(head=head, width=16), seed=0)
    for parameter in network.heads.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    written = network(torch.randn(2, 5))
    written.flat.square().sum().backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in network.parameters())
    one, two = written.flat.detach()
    assert not torch.allclose(one, two)
    assert not torch.allclose(*(written.matrices[UNLIKE[0].path].up[0].detach()))  # layers differ


def test_heads_have_the_sizes_of_the_paper() -> None:
    from tests.benchmarks.t2l.costs import MISTRAL, PAPER, written

    assert MISTRAL.weights == pytest.approx(3.4e6, rel=0.01)
    for cost in written(MISTRAL, encoding=1024):
        assert cost.weights == pytest.approx(1e6 * float(PAPER[cost.of].removesuffix(" M")), rel=0.03)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
def test_what_acts_in_a_batch_acts_as_peft_has_it(kind: str, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    from objectives.bases.layout import find_blocks, is_linear, linear_shape
    from objectives.text_to_lora.adapters import Adapters
    from objectives.text_to_lora.target import Target

    base = random_model(kind)
    path, blocks = find_blocks(base)
    modules = tuple(Module(p, *linear_shape(m)) for p, m in blocks[0].named_modules() if is_linear(m))
    target = Target(path, (0, 2), modules, 2, 6.0)
    adapters = _adapters(target, 2).map(lambda tensor: 0.3 * tensor)
    tokens = torch.randint(1, 60, (4, 7), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        with adapters.on(base):
            together = base(input_ids=tokens).logits
        plain = base(input_ids=tokens).logits
        assert not torch.allclose(together, plain, atol=1e-3)
        for number in range(2):
            folder = adapters.learned(number, base, f"a{number}").save(tmp_path)
            tuned = PeftModel.from_pretrained(random_model(kind), folder).eval()
            rows = slice(2 * number, 2 * number + 2)
            assert torch.allclose(tuned(input_ids=tokens[rows]).logits, together[rows], atol=1e-4)
        joined = Adapters(target, adapters.joined().matrices)
        with joined.on(base):
            once = base(input_ids=tokens).logits
        folder = joined.learned(0, base, "joined").save(tmp_path)
        tuned = PeftModel.from_pretrained(random_model(kind), folder).eval()
        assert torch.allclose(tuned(input_ids=tokens).logits, once, atol=1e-4)


def test_joined_adapters_change_the_base_by_the_mean_of_what_they_change() -> None:
    adapters = _adapters(_target(), 3)
    joined = _change(adapters.joined(), 0)
    for path, change in joined.items():
        wanted = np.mean([_change(adapters, number)[path] for number in range(3)], axis=0)
        assert np.allclose(change, wanted, atol=1e-5)


def test_alignment_keeps_changes_and_undoes_rotations() -> None:
    import torch

    from objectives.text_to_lora.adapters import Adapters
    from objectives.text_to_lora.aligning import aligned
    from objectives.training.stacked import Matrices

    target = _target(rank=3)
    one = _adapters(target, 1)
    draw = torch.Generator().manual_seed(2)
    turns = torch.linalg.qr(torch.randn(6, 3, 3, generator=draw))[0] * torch.rand(6, 1, 1, generator=draw).add(0.5)
    turned = Adapters(
        target,
        {
            path: Matrices(
                torch.linalg.inv(turns)[:, None] @ each.down.expand(6, -1, -1, -1),
                each.up.expand(6, -1, -1, -1) @ turns[:, None],
            )
            for path, each in one.matrices.items()
        },
    )
    found = aligned(turned)
    for number in range(6):
        for path, change in _change(found, number).items():
            assert np.allclose(change, _change(one, 0)[path], atol=1e-4)
    assert float(found.flat.std(dim=0).max()) < 1e-3 < float(turned.flat.std(dim=0).max())


def test_alignment_takes_adapters_that_change_nothing_and_ranks_beyond_a_module() -> None:
    import torch

    from objectives.text_to_lora.aligning import aligned

    wide = _adapters(_target(rank=12), 3)  # the values have eight outputs
    untrained = wide.map(torch.Tensor.clone)
    for each in untrained.matrices.values():
        each.up.zero_()
    for adapters in (wide, untrained):
        found = aligned(adapters)
        assert bool(torch.isfinite(found.flat).all())
        assert found.flat.shape == adapters.flat.shape
        for path, change in _change(found, 1).items():
            assert np.allclose(change, _change(adapters, 1)[path], atol=1e-4)


def test_adapters_trained_apart_get_one_form(tmp_path: Path) -> None:
    from objectives.text_to_lora.adapters import matrices_of, read_adapters, stacked, write_adapters
    from objectives.text_to_lora.target import Target
    from objectives.training.stage_adapter import StageAdapter

    base = random_model("llama")
    q, v = Module("self_attn.q_proj", 16, 16), Module("self_attn.v_proj", 16, 8)
    small = Target("model.layers", (0,), (q,), 2, 6.0)
    large = Target("model.layers", (0, 2), (q, v), 3, 3.0)
    kept = [_adapters(small, 1).learned(0, base, "small"), _adapters(large, 1, 5).learned(0, base, "large")]
    found = [matrices_of([StageAdapter.load(each.save(tmp_path))]) for each in kept]
    both = stacked(large, found)
    write_adapters(tmp_path / "both.safetensors", both)
    again = read_adapters(tmp_path / "both.safetensors", large)
    for adapters in (both, again):
        changes = [_change(adapters, number) for number in range(2)]
        wanted = 3.0 * _change(_adapters(small, 1), 0)[q.path][0]  # its scale went into B
        assert np.allclose(changes[0][q.path][0], wanted, atol=1e-5)
        assert not changes[0][q.path][1].any()
        assert not changes[0][v.path].any()
        assert np.allclose(changes[1][v.path], _change(_adapters(large, 1, 5), 0)[v.path], atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_reconstruction_says_the_library_again(head: str) -> None:
    import torch

    from objectives.text_to_lora.network import HyperNetwork, Shape
    from objectives.text_to_lora.reconstruction import Reconstruction
    from objectives.text_to_lora.training import Recipe, Training

    target = _target()
    library = _adapters(target, 5)
    ids = [row[None] for row in torch.eye(5)]
    network = HyperNetwork(target, 5, Shape(head=head, width=64), seed=0)
    recipe = Recipe(steps=400, tasks=4, learning_rate=3e-3, warmup=20)
    way = Reconstruction(network, library, ids, recipe, held_out=[4])
    begun = way.error()
    log = list(Training(network, way, recipe).run())
    assert way.error() < 0.15 * begun
    assert log[-1].validation is not None
    assert log[-1].validation > 3 * way.error()  # an id that it has not seen tells it nothing
    with torch.no_grad():
        said = network(torch.eye(5)[:4])
    assert torch.allclose(said.flat, library.chosen(range(4)).flat, atol=1.0)


def _ways(way: str) -> Any:
    """A run that has not begun."""
    import torch

    from objectives.text_to_lora.end_to_end import EndToEnd
    from objectives.text_to_lora.network import HyperNetwork, Shape
    from objectives.text_to_lora.reconstruction import Reconstruction
    from objectives.text_to_lora.training import Recipe, Training
    from objectives.text_to_lora.training_task import TrainingTask

    target = _target(modules=UNLIKE[:2])
    network = HyperNetwork(target, 4, Shape(width=16), seed=0)
    recipe = Recipe(steps=20, tasks=2, examples=2, learning_rate=1e-2, warmup=2)
    draw = torch.Generator().manual_seed(0)
    if way == "reconstruction":
        descriptions = [torch.randn(2, 4, generator=draw) for _ in range(4)]
        return Training(network, Reconstruction(network, _adapters(target, 4), descriptions, recipe, [3]), recipe)
    rng = np.random.default_rng(0)
    training_tasks = [
        TrainingTask(str(n), torch.randn(2, 4, generator=draw), [rng.integers(1, 60, 5 + k) for k in range(3)])
        for n in range(4)
    ]
    return Training(
        network, EndToEnd(network, random_model("llama"), training_tasks[:3], recipe, training_tasks[3:]), recipe
    )


@pytest.mark.parametrize("way", ["reconstruction", "end to end"])
def test_a_run_that_was_cut_off_ends_as_one_that_was_not(way: str, tmp_path: Path) -> None:
    import torch

    whole = _ways(way)
    log = list(whole.run())
    first = _ways(way)
    for measured in first.run(tmp_path):
        if measured.step == 8:
            break
    second = _ways(way)
    second.restore(tmp_path)
    assert second.step == 8
    list(second.run(tmp_path))
    assert second.log == log
    assert log[-1].loss < log[0].loss
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    import torch

    run = _ways("end to end")
    torch.nn.init.constant_(next(iter(run.network.parameters())), float("nan"))
    with refused("loss-diverged", "steps 0 and 1", "--learning-rate"):
        list(run.run())


def test_end_to_end_learns_what_only_descriptions_tell() -> None:
    """Two tasks with the same prompts and contrary answers: no single adapter can do both."""
    import torch

    from objectives.text_to_lora.end_to_end import EndToEnd
    from objectives.text_to_lora.network import HyperNetwork, Shape
    from objectives.text_to_lora.training import Recipe, Training
    from objectives.text_to_lora.training_task import TrainingTask, losses

    base = random_model("llama")
    target = _target(rank=4, modules=UNLIKE)
    rng = np.random.default_rng(0)
    training_tasks = [
        TrainingTask(str(n), torch.eye(2)[n : n + 1], [np.append(~rng.integers(1, 60, 4), answer) for _ in range(8)])
        for n, answer in enumerate((7, 9))
    ]
    recipe = Recipe(steps=150, tasks=2, examples=4, learning_rate=1e-2, warmup=5)
    network = HyperNetwork(target, 2, Shape(width=32), seed=0)
    list(Training(network, EndToEnd(network, base, training_tasks, recipe), recipe).run())
    with torch.no_grad():
        written = network(torch.eye(2))
        right = losses(base, written, [*training_tasks[0].sequences, *training_tasks[1].sequences])
        wrong = losses(base, written, [*training_tasks[1].sequences, *training_tasks[0].sequences])
    assert bool((right < np.log(64)).all())  # of 64 tokens, all alike
    assert bool((wrong > right + 0.2).all())


def test_a_network_comes_back_from_its_folder(tmp_path: Path) -> None:
    import torch

    from objectives.text_to_lora.checkpoint import HypernetCheckpoint
    from objectives.text_to_lora.network import HyperNetwork, Shape

    network = HyperNetwork(_target(), 4, Shape(head="S", width=16), seed=3)
    network.center(_adapters(_target(), 3))
    network.standardize(torch.randn(5, 4))
    stored = HypernetCheckpoint(
        network, "tiny", "abc", "bfloat16", "base", ("a", "b"), 64, 4, whole_texts=True, origin={"by": "x"}
    )
    stored.save(tmp_path)
    again = HypernetCheckpoint.load(tmp_path)
    assert replace(again, network=network) == stored
    z = torch.randn(2, 4)
    assert torch.equal(network(z).flat, again.network(z).flat)
    with refused("hypernetwork-unreadable", str(tmp_path / "nowhere"), "mixtune t2l train"):
        HypernetCheckpoint.load(tmp_path / "nowhere")
    (tmp_path / "hypernet.safetensors").write_bytes(b"half")
    with refused("hypernetwork-unreadable", str(tmp_path)):
        HypernetCheckpoint.load(tmp_path)


def test_lessons_of_unlike_lengths_do_not_disturb_each_other() -> None:
    import torch

    from objectives.text_to_lora.training_task import losses

    base = random_model("llama")
    adapters = _adapters(_target(modules=UNLIKE[:1]), 2).map(lambda tensor: 0.2 * tensor)
    short, long = np.array([~5, ~6, 7]), np.array([~5, 8, 9, 10, 11, 12])
    with torch.no_grad():
        together = losses(base, adapters, [short, long])
        alone = [losses(base, adapters.chosen([n]), [tokens]) for n, tokens in enumerate((short, long))]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_target_covers_what_full_paths_name(kind: str) -> None:
    from objectives.bases.layout import find_blocks, is_linear, linear_shape
    from objectives.text_to_lora.target import Target
    from spaces import Layout

    base = random_model(kind)
    path, blocks = find_blocks(base)
    modules = tuple(Module(p, *linear_shape(m)) for p, m in blocks[0].named_modules() if is_linear(m))
    layout = Layout(kind, 3, modules, 64)
    places = [f"{path}.0.{modules[0].path}", f"{path}.2.{modules[-1].path}"]
    target = Target.covering(layout, base, places, 4)
    assert target.layers == (0, 2)
    assert {module.path for module in target.modules} == {modules[0].path, modules[-1].path}
    assert target.scale == 1
    assert Target.from_dict(target.to_dict()) == target
