"""Bases: layouts of several architectures, and every way in which a base can be missing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.architectures import ARCHITECTURES, random_model
from tests.support.refusals import refused

pytestmark = pytest.mark.torch


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a small random model with the tokenizer of the shipped base."""

    seeds = itertools.count()

    def write(kind: str) -> Path:
        from objectives.worker import open_base

        folder = tmp_path / kind
        random_model(kind, next(seeds)).save_pretrained(folder)
        open_base("tiny").tokenizer().save_pretrained(folder)
        return folder

    return write


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_layers_and_modules_are_found_in_every_architecture(kind: str, folder_of: Callable[[str], Path]) -> None:
    from objectives.training.adapter import adapted
    from objectives.worker import open_base
    from spaces import CorpusMix, LayerRange, Stage, Tuning

    attention, mlp = ARCHITECTURES[kind].attention, ARCHITECTURES[kind].mlp
    base = open_base(str(folder_of(kind)))
    layout = base.layout()
    assert layout.layers == 3
    assert layout.context == 64
    assert any(layout.biases) == ARCHITECTURES[kind].biases
    assert all(layout.norm_weights)
    assert all(all_ > norms for all_, norms in zip(layout.weights, layout.norm_weights, strict=True))
    names = {preset: {path.rsplit(".", 1)[-1] for path in paths} for preset, paths in layout.presets.items()}
    assert names == {"attention": attention, "mlp": mlp, "all-linear": attention | mlp}
    assert not set(layout.presets["attention"]) & set(layout.presets["mlp"])
    tuning = Tuning("lora", 2, 4, 0, layout.presets["all-linear"])
    stage = Stage("train", CorpusMix.equal(["a"]), tuning, (LayerRange(0, 0),), 10, 1e-3)
    with adapted(base.model("float32", "cpu"), stage, 0) as model:
        adapter = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        assert adapter == layout.trained_weights(tuning, layers=[1, 2])


def test_the_shipped_base_is_small_and_whole() -> None:
    from objectives.bases.tiny import FOLDER
    from objectives.worker import open_base

    layout = open_base("tiny").layout()
    assert layout.base == "tiny"
    assert layout.layers == 4
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8_000_000
    tokenizer = open_base("tiny").tokenizer()
    assert (
        tokenizer.decode(tokenizer("which of ant bee cat fox is odd?")["input_ids"])
        == "which of ant bee cat fox is odd?"
    )


def test_a_name_that_cannot_be_loaded_offline_is_explained() -> None:
    from objectives.worker import open_base

    with refused("base-unknown", "'nobody/nothing'", "HF_HUB_OFFLINE", "'tiny'", field="objective.base"):
        open_base("nobody/nothing").layout()
    with refused("base-unknown", "'nobody/nothing'", "HF_HUB_OFFLINE", "'tiny'", field="objective.base"):
        open_base("nobody/nothing").fetch()


@pytest.mark.parametrize("name", ["./models/none", "/nowhere/model", "~/none"])
def test_a_path_that_is_not_there_is_explained(name: str) -> None:
    from objectives.worker import open_base

    with refused("base-unknown", field="objective.base"):
        open_base(name).layout()


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    from objectives.worker import open_base

    with refused("base-unloadable", str(tmp_path), "config.json", field="objective.base"):
        open_base(str(tmp_path)).layout()


def test_a_folder_without_tokenizer_is_refused(folder_of: Callable[[str], Path]) -> None:
    from objectives.worker import open_base

    folder = folder_of("llama")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with refused("base-unloadable", str(folder), field="objective.base"):
        open_base(str(folder)).tokenizer()


def test_a_folder_without_weights_is_refused_before_they_are_needed(folder_of: Callable[[str], Path]) -> None:
    from objectives.worker import open_base

    folder = folder_of("llama")
    open_base(str(folder)).fetch()
    (folder / "model.safetensors").unlink()
    with refused("base-unloadable", "model.safetensors", field="objective.base"):
        open_base(str(folder)).fetch()
    with refused("base-unloadable", field="objective.base"):
        open_base(str(folder)).model("float32", "cpu")


def test_a_missing_part_of_the_weights_is_named(folder_of: Callable[[str], Path]) -> None:
    from objectives.worker import open_base

    folder = folder_of("llama")
    model = open_base(str(folder)).model("float32", "cpu")
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="10KB")
    open_base(str(folder)).fetch()
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    shards[1].unlink()
    with refused("base-unloadable", shards[1].name, field="objective.base"):
        open_base(str(folder)).fetch()


@pytest.mark.parametrize("content", ["{broken", json.dumps({"model_type": "not-a-model"}), "{}"])
def test_a_broken_configuration_is_refused(folder_of: Callable[[str], Path], content: str) -> None:
    from objectives.worker import open_base

    folder = folder_of("llama")
    (folder / "config.json").write_text(content)
    with refused("base-unloadable", field="objective.base"):
        open_base(str(folder)).layout()


def test_pickled_weights_are_not_opened(folder_of: Callable[[str], Path]) -> None:
    import torch

    from objectives.worker import open_base

    folder = folder_of("llama")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with refused("base-unloadable", "safetensors", field="objective.base"):
        open_base(str(folder)).model("float32", "cpu")


def test_weights_that_were_cut_off_are_refused(folder_of: Callable[[str], Path]) -> None:
    from objectives.worker import open_base

    weights = folder_of("llama") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with refused("base-unloadable", field="objective.base"):
        open_base(str(weights.parent)).fetch()


def test_a_broken_index_of_weights_is_refused(folder_of: Callable[[str], Path]) -> None:
    from objectives.worker import open_base

    folder = folder_of("llama")
    (folder / "model.safetensors.index.json").write_text("{broken")
    with refused("base-unloadable", field="objective.base"):
        open_base(str(folder)).fetch()


def test_other_weights_have_another_hash(folder_of: Callable[[str], Path]) -> None:
    from objectives.worker import open_base

    first, again, other = (open_base(str(folder_of(kind))).fetch() for kind in ("llama", "llama", "qwen3"))
    assert len({first, again, other}) == 3, "random weights differ"
    folder = folder_of("opt")
    assert open_base(str(folder)).fetch() == open_base(str(folder)).fetch()


def test_code_that_comes_with_a_base_runs_only_where_it_is_trusted(
    folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    from objectives.worker import open_base

    folder, ran = folder_of("llama"), tmp_path / "ran"
    (folder / "own.py").write_text(
        f"from transformers import LlamaConfig\nopen({str(ran)!r}, 'w').close()\n"
        "class Own(LlamaConfig):\n    model_type = 'own'\n"
    )
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "model_type": "own", "auto_map": {"AutoConfig": "own.Own"}})
    )
    with refused("base-runs-code", "objective.trust_remote_code: true", field="objective.base"):
        open_base(str(folder)).layout()
    assert not ran.exists()


def test_weights_that_are_no_safetensors_are_refused(folder_of: Callable[[str], Path]) -> None:
    import torch

    from objectives.worker import open_base

    folder = folder_of("llama")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with refused("base-unloadable", ".safetensors", field="objective.base"):
        open_base(str(folder)).fetch()


def test_a_base_without_a_longest_sequence_can_be_scored(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from objectives.scoring.harness import language_model
    from objectives.worker import open_base

    config = AutoConfig.for_model("bloom", vocab_size=800, hidden_size=16, n_layer=2, n_head=2)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    base = open_base(str(tmp_path))
    assert base.layout().context == 2048
    model = language_model(base.model("float32", "cpu"), open_base("tiny").encoding(), batch=2)
    assert model.max_length == 2048
