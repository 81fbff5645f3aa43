"""Bases that are not what they seem: incomplete, not causal, quantized, without special tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.bases import byte_tokenizer, write_base
from tests.support.refusals import refused

pytestmark = pytest.mark.torch


def rename_weights(folder: Path, rename: Any) -> None:
    """Write the weights under other names; those renamed to None are left out."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    renamed = {key: rename(key) for key in weights}
    kept = {new: weights[old] for old, new in renamed.items() if new is not None}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("rename", "missing"),
    [
        (lambda key: None if key == "lm_head.weight" else key, "lm_head.weight"),
        (lambda key: None if ".layers.1." in key else key, "model.layers.1."),
        (lambda key: f"_orig_mod.{key}", "model.embed_tokens.weight"),
    ],
)
def test_a_checkpoint_that_lacks_weights_is_refused_by_their_names(tmp_path: Path, rename: Any, missing: str) -> None:
    from objectives.worker import open_base

    folder = write_base(tmp_path)
    rename_weights(folder, rename)
    base = open_base(str(folder))
    for load in (base.check_weights, lambda: base.model("float32", "cpu")):
        with refused("weights-missing", missing, field="objective.base"):
            load()


def test_a_head_that_is_tied_need_not_be_stored(tmp_path: Path) -> None:
    from objectives.worker import open_base

    folder = write_base(tmp_path, tie_word_embeddings=True)
    assert open_base(str(folder)).check_weights() == ()
    open_base(str(folder)).model("float32", "cpu")


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    from objectives.worker import open_base

    folder = write_base(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 310}))
    with refused("weights-of-other-shape", "embed_tokens.weight", field="objective.base"):
        open_base(str(folder)).check_weights()


def test_weights_that_are_not_used_are_told(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from objectives.worker import open_base

    folder = write_base(tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "value_head.weight": weights["lm_head.weight"].clone()}, folder / "model.safetensors")
    (note,) = open_base(str(folder)).check_weights()
    assert "value_head.weight" in note


@pytest.mark.parametrize("kind", ["bert", "t5", "clip", "roberta"])
def test_models_that_are_not_causal_are_refused_in_a_paragraph(tmp_path: Path, kind: str) -> None:
    from transformers import AutoConfig

    from objectives.worker import open_base

    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    with refused("not-causal", field="objective.base") as caught:
        open_base(str(tmp_path)).layout()
    assert len(str(caught.value)) < 400


def test_a_model_that_sees_later_tokens_is_found_by_trying(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from objectives.bases.checking import refuse_seeing_ahead

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    both_ways = AutoModelForCausalLM.from_config(AutoConfig.for_model("bert", vocab_size=64, **sizes)).eval()
    with refused("not-causal", "'both ways'", field="objective.base"):
        refuse_seeing_ahead("both ways", both_ways)
    decoder = AutoModelForCausalLM.from_config(AutoConfig.for_model("bert", vocab_size=64, is_decoder=True, **sizes))
    refuse_seeing_ahead("decoder", decoder.eval())


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "fp8"])
def test_quantized_bases_are_refused_before_anything_is_loaded(tmp_path: Path, method: str) -> None:
    from objectives.worker import open_base

    folder = write_base(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    quantized = {"quant_method": method, "bits": 4}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": quantized}))
    with refused("already-quantized", method, field="objective.base"):
        open_base(str(folder)).layout()


def test_a_tokenizer_without_any_special_token_works(tmp_path: Path) -> None:
    """Scores of choices and of text equal the sum of what the model says of each token."""
    import torch
    from lm_eval.api.instance import Instance

    from objectives.scoring.harness import language_model
    from objectives.worker import open_base

    base = open_base(str(write_base(tmp_path, tokenizer=byte_tokenizer(special=False))))
    before = base.encoding().digest
    model, encoding = base.model("float32", "cpu"), base.encoding()
    asked = language_model(model, encoding, batch=2)
    (nats,) = asked.loglikelihood_rolling([Instance("loglikelihood_rolling", {}, ("ants and bees",), 0)])
    tokens = torch.tensor([encoding.plain("ants and bees")])
    logs = model(input_ids=tokens).logits[0, :-1].log_softmax(dim=-1)
    assert nats == pytest.approx(float(logs.gather(-1, tokens[0, 1:, None]).sum()), abs=1e-3)
    ((choice, _),) = asked.loglikelihood([Instance("loglikelihood", {}, ("ants", " and"), 0)])
    assert choice < 0
    options = {"until": ["\n"], "max_gen_toks": 3, "do_sample": False}
    (answer,) = asked.generate_until([Instance("generate_until", {}, ("ants", options), 0)])
    assert isinstance(answer, str)
    assert encoding.digest == before, "asking must not change the tokenizer"
