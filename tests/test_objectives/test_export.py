"""An export gives the trained model again, in every form; and tells where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.versions import versions
from spaces import Corpus, LayerRange, Stage, TrialConfig, Tuning, scan
from tests.support.architectures import random_model
from tests.support.pipelines import THREE, logits, pipeline, stage
from tests.support.refusals import refused
from tests.support.training import spec

if TYPE_CHECKING:
    import torch

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings(
        "ignore:Unsupported layer type",
        "ignore:Found missing adapter keys",
        "ignore:Model has `tie_word_embeddings=True`",
    ),
]

_CASES: dict[str, tuple[Stage, ...]] = {
    "one of LoRA": (stage("only", "lora", range(3)),),
    "one of DoRA": (stage("only", "dora", range(3)),),
    "one of biases": (stage("only", "bitfit", range(3)),),
    "one from random weights": (stage("only", "from_scratch", range(3)),),
    "LoRA upon random weights": (stage("one", "from_scratch", range(3)), stage("two", "lora", range(3), "b")),
    "LoRA upon LoRA": (
        stage("low", "lora", range(2)),
        stage("all", "rslora", range(3), "b"),
        stage("high", "loraplus", range(1, 3)),
    ),
    "mixed": THREE,
    "mixed, with factors": (
        stage("one", "ia3", range(3)),
        stage("two", "full", range(1)),
        stage("three", "lora", range(3)),
    ),
}


class Exported:
    """A base folder, what a run on it left, and what the trained model answers."""

    def __init__(self, folder: Path, stages: tuple[Stage, ...], corpus: Corpus) -> None:
        from objectives.training import artifact
        from objectives.worker import open_base

        self.base, self.kept, self.out = folder / "base", folder / "rung-0", folder / "out"
        random_model("opt").save_pretrained(self.base)
        open_base("tiny").tokenizer().save_pretrained(self.base)
        self.out.mkdir()
        self.spec = spec(base=str(self.base))
        with pipeline(random_model("opt"), *stages) as run:
            run.run(run.steps)
            trial = TrialConfig(str(self.base), 3, stages)
            artifact.save(run, self.kept, artifact.describe(trial, corpus, run, self.spec.step_tokens))
            self.expected = logits(run._model)


@pytest.fixture
def corpus_ab(tmp_path: Path) -> Corpus:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.txt").write_text(f"a text named {name}\n")
    return scan(folder)


@pytest.fixture
def made(tmp_path: Path, corpus_ab: Corpus) -> Callable[..., Exported]:
    return lambda *stages: Exported(tmp_path, stages, corpus_ab)


@pytest.mark.parametrize("case", _CASES)
def test_every_form_gives_the_trained_model(case: str, made: Callable[..., Exported]) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from objectives.export import export, merged

    run = made(*_CASES[case])
    export(run.spec, run.kept, run.out, {"study": "s", "number": 1})
    adapter = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(run.base), run.out / "adapter").eval()
    merged(str(run.base), run.out / "tuned.safetensors", run.out / "again")
    models: dict[str, torch.nn.Module] = {
        "adapter": adapter,
        "merged": AutoModelForCausalLM.from_pretrained(run.out / "merged"),
        "file": AutoModelForCausalLM.from_pretrained(run.out / "again"),
    }
    for form, model in models.items():
        assert torch.allclose(logits(model), run.expected, atol=1e-5), form
    assert not torch.allclose(logits(random_model("opt")), run.expected, atol=1e-3)


def test_joined_ranks_are_no_larger_than_the_stages(made: Callable[..., Exported]) -> None:
    from objectives.export import export
    from objectives.training import artifact

    run = made(*_CASES["LoRA upon LoRA"])
    export(run.spec, run.kept, run.out, {}, ["adapter"])
    config = json.loads((run.out / "adapter" / "adapter_config.json").read_text())
    ranks = {path: config["rank_pattern"][f"model.decoder.layers.{path}.fc1"] for path in (0, 1, 2)}
    assert ranks == {0: 8, 1: 12, 2: 8}
    size = (run.out / "adapter" / "adapter_model.safetensors").stat().st_size
    assert size < sum(4 * learned.trainable for learned in artifact.load(run.kept)) + 20_000
    assert sorted(path.name for path in run.out.iterdir()) == ["README.md", "adapter", "provenance.jsonl"]


@pytest.mark.parametrize("methods", [("lora", "rslora"), ("ia3", "full"), ("bitfit", "dora")])
def test_transposed_weights_are_combined_too(methods: tuple[str, str], tmp_path: Path) -> None:
    """GPT-2 keeps its matrices the other way round."""
    import torch
    from peft import PeftModel

    from objectives.training.changes import merge_measured
    from objectives.training.combined import combined

    targets = ("attn.c_attn", "mlp.c_fc")
    stages = [stage(f"s{i}", method, range(i, 3)) for i, method in enumerate(methods)]
    named = [replace(s, tuning=replace(s.tuning, targets=targets if s.tuning.targets else ())) for s in stages]
    with pipeline(random_model("gpt2"), *named) as run:
        run.run(run.steps)
        learned, expected = run.learned(), logits(run._model)
    merged = random_model("gpt2")
    changed = dict.fromkeys(name for each in learned for name in merge_measured(merged, each)[1])
    assert torch.allclose(logits(merged), expected, atol=1e-5)
    folder = combined(learned, merged, changed).save(tmp_path)
    plain = PeftModel.from_pretrained(random_model("gpt2"), folder).eval()
    assert torch.allclose(logits(plain), expected, atol=1e-5)


def test_provenance_tells_stage_by_stage(made: Callable[..., Exported], corpus_ab: Corpus) -> None:
    from safetensors import safe_open

    from objectives.export import export

    run = made(*THREE)
    export(run.spec, run.kept, run.out, {"study": "s", "number": 7, "score": 0.5}, ["file"])
    lines = [json.loads(line) for line in (run.out / "provenance.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["0-low", "1-high", "2-norms"]
    assert [line["method"] for line in lines] == ["lora", "dora", "layernorm"]
    assert [line["layers"] for line in lines] == [["0"], ["2"], ["1-2"]]
    assert [line["tokens"] for line in lines] == [256, 256, 128]
    assert [[text["name"] for text in line["texts"]] for line in lines] == [["a"], ["b"], ["a"]]
    assert lines[1]["texts"][0]["sha256"] == corpus_ab["b"].sha256
    assert [set(line["change"]) for line in lines] == [{"0"}, {"2"}, {"1", "2"}]
    assert all(norm > 0 for line in lines for norm in line["change"].values())
    assert all(line["losses"] and line["trainable"] > 0 for line in lines)
    assert len({line["seed"] for line in lines}) == 3
    assert all((line["study"], line["number"]) == ("s", 7) for line in lines)
    assert lines[0]["versions"]["torch"] == versions(["torch"])["torch"]
    with safe_open(run.out / "tuned.safetensors", "pt") as file:
        header = file.metadata()
    assert [json.loads(line) for line in header["provenance"].splitlines()] == lines


def test_the_card_says_what_was_trained_on_what(made: Callable[..., Exported]) -> None:
    from objectives.export import export

    run = made(*THREE)
    export(run.spec, run.kept, run.out, {"study": "my-books", "number": 7})
    text = (run.out / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: peft\n")
    assert "# my-books, trial 7" in text
    assert "3 stages" in text
    assert "lora, rank 4, alpha 8, layers 0 (self_attn.q_proj, fc1)" in text
    assert "layernorm, layers 1-2;" in text
    assert "\n| b | 100.0% |" in text, "a line of its own"
    assert "\n\n## Loading\n" in text
    for word in ("PeftModel.from_pretrained", 'from_pretrained("merged")', "mixtune apply tuned.safetensors"):
        assert word in text
    assert "{{" not in text


def test_norms_of_the_change_are_those_of_the_weights(made: Callable[..., Exported]) -> None:
    import torch

    from objectives.training import artifact
    from objectives.training.changes import by_layer, merge_measured

    run = made(*_CASES["one of LoRA"])
    base, tuned = random_model("opt"), random_model("opt")
    changes, _ = merge_measured(tuned, artifact.load(run.kept)[0])
    assert {change.weight for change in changes} == {"self_attn.q_proj.weight", "fc1.weight"}
    for change in changes:
        name = f"model.decoder.layers.{change.layer}.{change.weight}"
        difference = tuned.get_parameter(name) - base.get_parameter(name)
        assert change.norm == pytest.approx(torch.linalg.matrix_norm(difference).item(), rel=1e-4)
        assert change.before == pytest.approx(torch.linalg.matrix_norm(base.get_parameter(name)).item(), rel=1e-4)
    in_layer = [change.norm**2 for change in changes if change.layer == 1]
    assert by_layer(changes)[1] == pytest.approx(sum(in_layer) ** 0.5)


def damaged(path: Path, kind: str) -> None:
    from safetensors.torch import save_file
    from torch import zeros

    if kind == "another":
        save_file({"a": zeros(2)}, path)
    else:
        path.write_bytes(b"not one" if kind == "cut" else b"")


@pytest.mark.parametrize(
    ("kind", "code"),
    [("cut", "adapter-file-unreadable"), ("empty", "adapter-file-unreadable"), ("another", "file-of-other-program")],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, kind: str, code: str) -> None:
    from objectives.training import single_file

    damaged(tmp_path / "file.safetensors", kind)
    with refused(code, str(tmp_path / "file.safetensors")):
        single_file.read(tmp_path / "file.safetensors")
    with refused("adapter-file-unreadable", "nothing.safetensors"):
        single_file.read(tmp_path / "nothing.safetensors")


def test_a_file_of_another_base_is_refused(made: Callable[..., Exported]) -> None:
    from objectives.export import export
    from objectives.training import single_file

    run = made(*THREE)
    export(run.spec, run.kept, run.out, {}, ["file"])
    with refused("adapter-of-other-base"):
        single_file.apply(random_model("llama"), run.out / "tuned.safetensors")


def test_what_a_run_changed_is_seen_in_weights_and_attention(corpus_ab: Corpus, tmp_path: Path) -> None:
    import numpy as np

    from objectives.inspection import Inspection, inspect
    from objectives.training import artifact
    from objectives.worker import open_base

    only = replace(stage("only", "lora", range(1, 4)), tuning=Tuning("lora", 4, 8, 0.0, ("self_attn.q_proj",)))
    with pipeline(open_base("tiny").model("float32", "cpu"), replace(only, frozen=(LayerRange(0, 0),))) as run:
        run.run(4)
        artifact.save(run, tmp_path / "rung-0", iter([{"stage": "0-only"}]))
    (heldout := tmp_path / "heldout.txt").write_text("some words of another text, long enough to look at\n" * 9)
    scored: dict[str, Any] = {"scores": [{"kind": "heldout", "files": [str(heldout)]}]}
    found = inspect(spec(base="tiny", **scored), corpus_ab, tmp_path / "rung-0")
    assert found.base is not None
    assert found.tuned is not None
    assert found.base.entropy.shape == (4, 4)
    ((name, changes),) = found.stages
    assert name == "0-only"
    assert {(change.layer, change.weight) for change in changes} == {(i, "self_attn.q_proj.weight") for i in (1, 2, 3)}
    assert (found.base.entropy >= 0).all()
    assert (found.base.distance >= 0).all()
    assert found.base.entropy[0] == pytest.approx(found.tuned.entropy[0]), "nothing below the trained layers"
    assert not np.allclose(found.base.entropy[1:], found.tuned.entropy[1:])
    again = Inspection.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.stages == found.stages
    assert again.tuned is not None
    assert np.array_equal(again.tuned.distance, found.tuned.distance)


def test_a_model_that_does_not_tell_where_it_looks_is_left_out() -> None:
    import torch
    from transformers import MambaConfig, MambaForCausalLM

    from objectives.inspection.attention import attention_of

    torch.manual_seed(0)
    model = MambaForCausalLM(MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2)).eval()
    with refused("attention-hidden", "MambaForCausalLM"):
        attention_of(model, [[1, 2, 3]])
    with refused("text-too-short"):
        attention_of(random_model("llama"), [])


def test_a_file_is_not_put_onto_another_base(made: Callable[..., Exported]) -> None:
    """Whether its sizes differ, or only its weights."""
    from objectives.export import export, merged
    from objectives.training import single_file

    run = made(*_CASES["one of LoRA"])
    export(run.spec, run.kept, run.out, {}, ["file"])
    other = run.base.parent / "other"
    random_model("opt", seed=5).save_pretrained(other)
    with refused("base-differs", str(other), "--base"):
        merged(str(other), run.out / "tuned.safetensors", run.out / "again")
    wide = random_model("opt", hidden_size=32, word_embed_proj_dim=32)
    with refused("adapter-of-other-size"):
        single_file.apply(wide, run.out / "tuned.safetensors")
    assert not any(weight.requires_grad for weight in wide.parameters())
    (run.out / "again").mkdir()
    random_model("opt", seed=5).save_pretrained(run.base)
    with refused("base-changed"):
        export(run.spec, run.kept, run.out / "again", {}, ["file"], base_digest="as it was")


def test_attention_is_that_of_a_model_that_looks_evenly() -> None:
    """Queries of zero look at all tokens alike: the entropy of token t is log(t + 1), its distance t / 2."""
    import numpy as np
    import torch

    from objectives.inspection.attention import attention_of

    model = random_model("llama")
    with torch.no_grad():
        for layer in range(3):
            model.get_parameter(f"model.layers.{layer}.self_attn.q_proj.weight").zero_()
    found = attention_of(model, [list(range(1, 6)), list(range(1, 4))])
    places = np.array([1, 2, 3, 4, 1, 2])
    assert found.entropy == pytest.approx(np.full((3, 2), np.log(places + 1).mean()))
    assert found.distance == pytest.approx(np.full((3, 2), (places / 2).mean()))
    assert model.config._attn_implementation != "eager"
