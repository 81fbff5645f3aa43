"""Every architecture is laid out, trained, scored, kept and exported rightly, or refused before compute."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spaces import Corpus, Layout, Stage, TrialConfig
from spaces.corpus import Text
from spaces.methods import METHODS
from tests.support.architectures import CURRENT, current_model
from tests.support.cases import Case
from tests.support.refusals import refused
from tests.support.training import Constant, spec

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from objectives.scoring.likelihood import Pair

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings(
        "ignore:Unsupported layer type",
        "ignore:Found missing adapter keys",
        "ignore:Model has `tie_word_embeddings=True`",
        "ignore:`is_gradient_checkpointing` is deprecated",
    ),
]

_UNLIKE = (
    *("qwen3_moe", "qwen3_5", "qwen3_next", "gemma3", "gemma3n_text", "gpt_oss", "deepseek_v3", "lfm2"),
    *("granitemoehybrid", "mamba2"),
)
_LAYERS = ("all", "0", "1-2", "-1", "0 + 2")
_OTHERS = ("dora", "ia3", "bitfit", "layernorm", "full", "from_scratch")


@pytest.fixture(scope="module", params=CURRENT)
def case(request: pytest.FixtureRequest) -> Case:
    from objectives.bases.layout import layout_of

    model = current_model(request.param)
    return Case(request.param, model, layout_of(model, request.param))


def answers(model: torch.nn.Module) -> torch.Tensor:
    import torch

    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=torch.arange(1, 20)[None]).logits
    return logits


def test_the_layout_is_that_of_every_layer(case: Case) -> None:
    from objectives.bases.layout import find_blocks, is_linear, linear_shape

    layout, expected = case.layout, CURRENT[case.name]
    path, blocks = find_blocks(case.model)
    assert "vision" not in path
    assert layout.layers == len(blocks) == case.model.config.get_text_config().num_hidden_layers
    assert layout.context == (2048 if case.name == "mamba2" else 64)
    names = {preset: {path.rsplit(".", 1)[-1] for path in paths} for preset, paths in layout.presets.items()}
    both = {"attention": expected.attention, "mlp": expected.mlp}
    assert names == {
        **{preset: found for preset, found in both.items() if found},
        "all-linear": expected.attention | expected.mlp | expected.others,
    }
    assert any(layout.biases) == expected.biases
    assert expected.unlike.items() <= {module.path: module.layers for module in layout.modules}.items()
    for layer, block in enumerate(blocks):
        there = {(inner, *linear_shape(module)) for inner, module in block.named_modules() if is_linear(module)}
        linear = [module for module in layout.modules if module.stands_in(layer) and not module.experts]
        assert there == {(module.path, module.inputs, module.outputs) for module in linear}
        assert 0 < layout.norm_weights[layer] < layout.weights[layer] <= sum(w.numel() for w in block.parameters())


def _choices(case: Case) -> Iterator[tuple[str, str, str]]:
    """LoRA on every preset, with ranges of layers in turn; other methods where layers are unlike each other."""
    for number, preset in enumerate(case.layout.presets):
        paths = case.layout.presets[preset]
        ranges = [r for r in _LAYERS if case.layout.resolve_layers(r) & case.layout.layers_with("lora", paths)]
        yield "lora", preset, ranges[(number + len(case.name)) % len(ranges)]
    if case.name in _UNLIKE:
        yield "rslora", "all-linear", "all"
        for number, (method, targets) in enumerate(product(_OTHERS, ["all-linear"])):
            yield method, targets, "all" if METHODS[method].whole else _LAYERS[number % len(_LAYERS)]


def test_what_is_trained_is_what_was_chosen_or_is_refused(case: Case, tmp_path: Path) -> None:
    from objectives.training.adapter import trainable

    for number, (method, targets, layers) in enumerate(_choices(case)):
        if code := _refusal(case.layout, method):
            with refused(code):
                case.stage(method, targets, layers)
        else:
            _check(case, case.stage(method, targets, layers), tmp_path / str(number))
    assert not trainable(case.model)


def _refusal(layout: Layout, method: str) -> str:
    """Fault where a base lacks what a method trains everywhere, or has modules on which it cannot sit."""
    is_wrong, code = {
        "bitfit": (not any(layout.biases), "no-biases"),
        "from_scratch": (bool(layout.fixed), "from-scratch-fixed-weights"),
        "dora": (any(module.as_parameter for module in layout.modules), "targets-are-parameters"),
        "ia3": (any(module.experts for module in layout.modules), "targets-are-parameters"),
    }.get(method, (False, ""))
    return code if is_wrong else ""


def _check(case: Case, stage: Stage, folder: Path) -> None:
    """Train a few steps; keep, load, merge and take off what was learned."""
    import torch
    from peft import PeftModel

    from objectives.training.adapter import adapted, restore
    from objectives.training.loop import Trainer
    from objectives.training.stage_adapter import StageAdapter
    from spaces.layout import trained_layers

    base, before = case.model, {key: weight.clone() for key, weight in case.model.state_dict().items()}
    with adapted(base, stage, 0) as tuned:
        trained = {key: weight for key, weight in tuned.named_parameters() if weight.requires_grad}
        first = {key: weight.detach().clone() for key, weight in tuned.named_parameters()}
        layers = trained_layers(stage.frozen, case.layout.layers)
        assert sum(w.numel() for w in trained.values()) == case.layout.trained_weights(stage.tuning, layers)
        trainer = Trainer(tuned, Constant(), spec(), 4, 1e-2, 1.0)  # type: ignore[arg-type]
        assert math.isfinite(trainer.run(3))
        still = {key for key, weight in tuned.named_parameters() if torch.equal(weight, first[key])}
        assert not trained.keys() & still, "every chosen weight has an effect"
        assert first.keys() - trained.keys() <= still, "and nothing else is trained"
        tuned.eval()
        expected = answers(tuned)
        learned = StageAdapter.of("0-train", tuned)
    after = base.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)
    kept = learned.save(folder)
    plain = PeftModel.from_pretrained(copy.deepcopy(base), kept).eval()
    assert torch.allclose(answers(plain), expected, atol=1e-4)
    changed = StageAdapter.load(kept).merge_into(base)
    assert torch.allclose(answers(base), expected, atol=1e-3)
    restore(base, changed)
    assert all(torch.equal(weight, before[key]) for key, weight in base.state_dict().items())


def _pairs() -> list[Pair]:
    """Prompts and answers within, across and beyond windows of 8 tokens and a switch at 16."""
    import numpy as np

    rng = np.random.default_rng(0)

    def drawn(size: int) -> tuple[int, ...]:
        return tuple(rng.integers(1, 64, size).tolist())

    pairs = [(drawn(prompt), drawn(answer)) for prompt in (1, 5, 8, 9, 12, 16, 17, 30) for answer in (1, 4, 9)]
    return [*pairs, (pairs[-1][0], drawn(3)), (pairs[0][0], drawn(16))]


def _alone(model: PreTrainedModel, pair: Pair) -> float:
    import torch

    prompt, answer = pair
    with torch.no_grad():
        scores = model(input_ids=torch.tensor([[*prompt, *answer[:-1]]])).logits[0, len(prompt) - 1 :]
    return float(sum(scores.float().log_softmax(dim=-1)[place, token] for place, token in enumerate(answer)))


def test_scores_are_those_of_each_pair_read_alone(case: Case) -> None:
    from objectives.acceleration.prefix import enable_prefix_cache, prefix_of
    from objectives.scoring.likelihood import log_likelihoods

    pairs = _pairs()
    alone = [_alone(case.model, pair) for pair in pairs]
    for batch in (3, 16):
        found = [nats for nats, _ in log_likelihoods(case.model, pairs, batch)]
        assert found == pytest.approx(alone, abs=1e-3)
    enable_prefix_cache(case.model, 1 << 24)
    for lowest in (1, case.layout.layers - 1):
        with prefix_of(case.model).frozen(lowest):
            assert prefix_of(case.model).active == (CURRENT[case.name].prefix and not _drops(case.model))
            for batch in (16, 3):  # the second time, what was kept is used
                found = [nats for nats, _ in log_likelihoods(case.model, pairs, batch)]
                assert found == pytest.approx(alone, abs=1e-3)


def _drops(model: PreTrainedModel) -> bool:
    """Whether the architecture has dropout of its own, so that no two passes of training are alike."""
    return any(getattr(model.config, name, 0.0) for name in ("dropout", "resid_pdrop", "hidden_dropout"))


@pytest.mark.parametrize("name", _UNLIKE)
def test_every_form_of_export_gives_the_trained_model(name: str, tmp_path: Path) -> None:
    import numpy as np
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from objectives.bases.layout import layout_of
    from objectives.export import export, merged
    from objectives.training import artifact
    from objectives.training.pipeline import Pipeline
    from objectives.worker import open_base

    folder, kept, out = tmp_path / "base", tmp_path / "kept", tmp_path / "out"
    out.mkdir()
    base = current_model(name)
    base.save_pretrained(folder)
    open_base("tiny").tokenizer().save_pretrained(folder)
    case = Case(name, base, layout_of(base, name))
    stages = (case.stage("lora", "all-linear", "all"), case.stage("full", "", "-1"))
    trial = TrialConfig(str(folder), 0, tuple(replace(stage, budget=256) for stage in stages))
    settings = spec(base=str(folder))
    before = answers(base)
    with Pipeline(base, trial, {"a": np.arange(500, dtype=np.int32) % 60}, settings) as run:
        run.run(run.steps)
        corpus = Corpus(tmp_path, (Text("a", (), "0" * 16, 10, "", 500),))
        artifact.save(run, kept, artifact.describe(trial, corpus, run, settings.step_tokens))
        expected = answers(base)
    assert not torch.allclose(before, expected, atol=1e-3)
    export(settings, kept, out, {"study": "s", "number": 1})
    merged(str(folder), out / "tuned.safetensors", out / "again")
    forms: dict[str, torch.nn.Module] = {
        "adapter": PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), out / "adapter").eval(),
        "merged": AutoModelForCausalLM.from_pretrained(out / "merged"),
        "file": AutoModelForCausalLM.from_pretrained(out / "again"),
    }
    for form, model in forms.items():
        assert torch.allclose(answers(model), expected, atol=1e-3), form
