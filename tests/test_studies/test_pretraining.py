"""`mixtune pretrain`, and trials that train from scratch, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import call, fails

pytestmark = pytest.mark.torch

FAST = ("--params", "1M", "--minutes", "0.02")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "texts").mkdir()
    for name in ("ants", "bees"):
        lines = (f"{i} {name} met {i * 7 % 31} more at the hill of {name}.\n" for i in range(300))
        (tmp_path / "texts" / f"{name}.txt").write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few steps, whatever the machine."""
    monkeypatch.setattr("studies.jobs.pretraining.steps_within", lambda run, seconds, tokens: 20)


@pytest.mark.usefixtures("shorter")
def test_a_folder_of_texts_becomes_a_base(place: Path) -> None:
    done = call("pretrain", "--texts", "texts", "--out", "base", *FAST)
    assert done.exit_code == 0, done.output
    assert "set `base: base` in a study file" in done.output
    told = json.loads((place / "base" / "pretraining.json").read_text())
    assert (
        f"{told['bits_per_byte']:.3f} bits per byte; a six-byte n-gram model has {told['ngram_bits_per_byte']:.3f}"
        in (done.output)
    )
    assert {path.name for path in (place / "base").iterdir()} >= {"model.safetensors", "tokenizer.json", "heldout.txt"}
    assert not (place / "base" / ".pretraining").exists()

    from transformers import AutoModelForCausalLM, AutoTokenizer

    from objectives.worker import open_base

    model = AutoModelForCausalLM.from_pretrained("base")
    assert sum(weight.numel() for weight in model.parameters()) == told["parameters"]
    tokenizer = AutoTokenizer.from_pretrained("base")
    assert tokenizer.decode(tokenizer("7 ants met 18 more")["input_ids"]) == "7 ants met 18 more"
    assert open_base("base").layout().all_weights == told["parameters"]


@pytest.mark.usefixtures("shorter")
def test_a_run_that_was_stopped_goes_on_with_the_same_command(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from objectives.pretraining.run import Pretraining

    whole, steps = Pretraining.one_step, []

    def interrupted(self: Pretraining) -> object:
        steps.append(self.step)
        if self.step == 13:
            raise KeyboardInterrupt
        return whole(self)

    monkeypatch.setattr(Pretraining, "one_step", interrupted)
    stopped = call("pretrain", "--texts", "texts", "--out", "base", *FAST)
    assert stopped.exit_code == 130, stopped.output
    assert "The same command goes on" in stopped.output
    monkeypatch.setattr(Pretraining, "one_step", whole)
    again = ("pretrain", "--texts", "texts", "--out", "base", *FAST)
    assert "seed" in fails(capsys, monkeypatch, *again, "--seed", "1", code="run-of-other-values")
    assert "untrained" in fails(capsys, monkeypatch, *again, "--untrained", code="run-of-other-values")
    done = call("pretrain", "--texts", "texts", "--out", "base", *FAST)
    assert done.exit_code == 0, done.output
    assert "Resuming after 13 of 20 steps" in done.output
    assert len(json.loads((place / "base" / "pretraining.json").read_text())["measured"]) == 20
    assert "'base'" in fails(capsys, monkeypatch, *again, code="path-taken")


def test_what_cannot_be_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("pretrain", "--texts", "texts", "--out", "base", "--params", "5m")
    said = fails(capsys, monkeypatch, *small, code="option-unknown")
    assert [word for word in ("--params", "1M, 5M, 20M", "'5m'", "'5M'") if word not in said] == []
    assert not (place / "base").exists()
    (place / "few").mkdir()
    (place / "few" / "one.txt").write_text("a few words\n")
    (place / "half" / ".pretraining").mkdir(parents=True)
    (place / "half" / "mine.txt").write_text("not made by this run")
    for out in ("base", "half"):
        few = ("pretrain", "--texts", "few", "--out", out)
        assert "'few'" in fails(capsys, monkeypatch, *few, code="texts-too-short")
    assert not (place / "base").exists()
    assert (place / "half" / "mine.txt").exists()
    nowhere = ("pretrain", "--texts", "nowhere", "--out", "base")
    assert "'nowhere'" in fails(capsys, monkeypatch, *nowhere, code="folder-missing")


PLAN: dict[str, Any] = {
    "name": "plan",
    "space": {
        "texts": {"folder": "texts", "choose": "all"},
        "tuning": {"method": "from_scratch"},
        "learning_rate": 5e-3,
    },
    "objective": {
        "base": "base",
        "tokens": 2048,
        "sequence_length": 32,
        "batch_size": 4,
        "scores": [
            {"kind": "heldout", "text": "ants"}
        ],  # the ends of all texts lie in base/heldout.txt, and are trained on
    },
}


def test_trials_that_train_from_scratch_begin_with_random_weights(place: Path) -> None:
    made = call("pretrain", "--texts", "texts", "--out", "base", "--params", "1M", "--untrained")
    assert made.exit_code == 0, made.output
    assert "random weights" in made.output
    (place / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    done = call("train", "plan.yaml")
    assert done.exit_code == 0, done.output
    (line,) = (place / "runs/plan/export/provenance.jsonl").read_text().splitlines()
    told = json.loads(line)
    weights = json.loads((place / "base" / "pretraining.json").read_text())["parameters"]
    assert (told["method"], told["trainable"]) == ("from_scratch", weights)
    assert told["losses"][-1][1] < told["losses"][0][1] < 8

    from transformers import AutoModelForCausalLM

    merged = AutoModelForCausalLM.from_pretrained("runs/plan/export/merged")
    assert merged.get_output_embeddings().weight is merged.get_input_embeddings().weight


def test_a_trial_on_nothing_is_the_model_that_has_learned_nothing(place: Path) -> None:
    import objectives
    from objectives.spec import FinetuneSpec
    from objectives.worker import open_base
    from spaces import CorpusMix, Space, SpaceSpec, scan

    data = {**PLAN["objective"], "base": "tiny", "scores": [{"kind": "heldout", "text": "ants", "holdout": 0}]}
    spec = FinetuneSpec.model_validate(data)
    prepared = objectives.prepare(spec, scan(place / "texts"), place / "cache")
    space = Space(SpaceSpec.model_validate(PLAN["space"]), prepared.corpus, prepared.layout, prepared.rungs[-1])
    objective = objectives.build(spec, prepared.corpus, place / "cache")
    trial = space.decode({}, seed=3)
    nothing = [rung.score for rung in objective.evaluate(trial.on(CorpusMix(())), place / "nothing")]
    learned = [rung.score for rung in objective.evaluate(trial, place / "learned")]
    assert nothing[0] == nothing[-1] < learned[-1]
    base = open_base("tiny")
    pretrained = objectives.build(spec, prepared.corpus, place / "cache")
    tuned = Space(
        SpaceSpec.model_validate({"texts": {"folder": "texts", "choose": "all"}}), prepared.corpus, base.layout(), 99
    )
    (first, *_) = pretrained.evaluate(tuned.decode({}, 3).on(CorpusMix(())), place / "tuned")
    assert first.score != nothing[0], "the base's own weights are another model"
