"""`mixtune t2l` as a user calls it: on a short real study, on tasks, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.commands import call, fails
from tests.support.text_to_lora import STUDY, short_study

if TYPE_CHECKING:
    from objectives.text_to_lora.training import Training

pytestmark = pytest.mark.torch

FAST = ("--width", "16", "--steps", "10")


Refused = Callable[..., str]
"""From words on the command line to what the program prints when it fails."""


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refused:
    return partial(fails, capsys, monkeypatch)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return short_study(tmp_path_factory.mktemp("t2l"))


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    for name, place, held_out in (("first", 0, False), ("third", 2, False), ("fourth", 3, True)):
        lists = [["lamp", "rope", "chair", "cup"], ["soup", "plum", "salt", "rice"], ["cat", "ant", "fox", "bee"]]
        examples = [{"prompt": f"which of {' '.join(w)} is any?", "completion": f" {w[place]}"} for w in lists]
        task: dict[str, Any] = {"descriptions": [f"list {name}", f"the {name} of the list"], "held_out": held_out}
        if name == "third":
            (folder / "third.jsonl").write_text("".join(json.dumps(each) + "\n" for each in examples))
            task["examples"] = "third.jsonl"
        else:
            task["examples"] = examples
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))
    return folder


@pytest.mark.parametrize("by", ["end-to-end", "reconstruction"])
def test_a_study_becomes_a_network_that_writes_and_ranks(runs: Path, tmp_path: Path, refused: Refused, by: str) -> None:
    network, new = tmp_path / "net", tmp_path / "new"
    done = call("t2l", "train", STUDY, "--runs", str(runs), "--out", str(network), "--by", by, "--folds", "2", *FAST)
    assert done.exit_code == 0, done.output
    assert "gain (trained on)" in done.output
    assert "held-out tasks" not in done.output, "there are none"
    assert "the rank correlation of the predictions with the measured effects" in done.output
    told = json.loads((network / "hypernet.json").read_text())
    assert set(told["trust"]["predicted"]) == set(told["trust"]["rated"]) == set(told["gains"])
    assert not (network / ".training").exists()

    new.mkdir()
    (new / "fresh.txt").write_text("which of lamp rope soup cup is edible? soup.\n" * 40)
    (new / "other.txt").write_text("the old cat met a warm fox by the mill.\n" * 40)
    ranked, prior = tmp_path / "ranked.csv", tmp_path / "prior.yaml"
    _let_it_be_trusted(network / "hypernet.json")
    done = call("t2l", "rank", str(new), "--network", str(network), "--out", str(ranked), "--prior", str(prior))
    assert done.exit_code == 0, done.output
    assert "rank correlation" in done.output, "nobody is to trust it blindly"
    rows = list(csv.DictReader(ranked.read_text().splitlines()))
    assert {row["text"] for row in rows} == {"fresh", "other"}
    assert float(rows[0]["gain"]) >= float(rows[1]["gain"])
    assert set(yaml.safe_load(prior.read_text())["prior_effects"]) == {"fresh", "other"}

    for number, wanted in enumerate((["list edible"], ["--text", str(new / "other.txt")])):
        out = tmp_path / f"adapter-{number}"
        done = call("t2l", "write", *wanted, "--out", str(out), "--network", str(network))
        assert done.exit_code == 0, done.output
        assert ("Prefer --text" in done.output) == (number == 0), "the network has learned from texts"
        _loads(out)
    again = ("t2l", "write", "list edible", "--out", str(out), "--network", str(network))
    assert str(out) in refused(*again, code="path-taken")


def _let_it_be_trusted(file: Path) -> None:
    """As if texts that it had not seen were foretold well, which ten steps do not reach."""
    told = json.loads(file.read_text())
    told["trust"]["predicted"] = told["trust"]["rated"]
    file.write_text(json.dumps(told))


def _loads(folder: Path) -> None:
    """The folder is an adapter that plain peft puts on the base."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from objectives.bases.tiny import FOLDER

    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(FOLDER), folder)
    assert any("lora_A" in name for name, _ in tuned.named_parameters())


@pytest.mark.parametrize("by", ["end-to-end", "reconstruction"])
def test_tasks_become_a_network(
    tasks: Path, tmp_path: Path, refused: Refused, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from objectives.text_to_lora.training import Recipe

    monkeypatch.setattr("studies.jobs.text_to_lora.task_training._LIBRARY_RECIPE", Recipe(steps=5, warmup=1))
    network, out = tmp_path / "net", tmp_path / "adapter"
    done = call("t2l", "train", "--tasks", str(tasks), "--out", str(network), "--by", by, *FAST)
    assert done.exit_code == 0, done.output
    told = json.loads((network / "hypernet.json").read_text())
    assert told["names"] == ["first", "fourth", "third"]
    assert "held-out tasks" in done.output
    assert all(measured["validation"] is not None for measured in told["measured"]), "one task is held out"
    assert call("t2l", "write", "list final", "--out", str(out), "--network", str(network)).exit_code == 0
    _loads(out)
    message = refused("t2l", "rank", str(tasks), "--network", str(network), code="hypernetwork-of-tasks")
    assert "mixtune t2l train STUDY" in message


def test_a_training_that_was_stopped_goes_on_with_the_same_command(
    tasks: Path, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    from objectives.text_to_lora.training import Training

    asked = ("t2l", "train", "--tasks", str(tasks), "--out", str(tmp_path / "net"), *FAST)
    whole = call("t2l", "train", "--tasks", str(tasks), "--out", str(tmp_path / "whole"), *FAST)
    one_step = Training.one_step

    def stops(self: Training) -> object:
        if self.step == 6:
            raise KeyboardInterrupt
        return one_step(self)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "one_step", stops)
        stopped = call(*asked)
    assert stopped.exit_code == 130
    assert "goes on from the last row" in stopped.output
    assert "seed" in refused(*asked, "--seed", "1", code="run-of-other-values")
    done = call(*asked)
    assert done.exit_code == 0, done.output
    both = [(tmp_path / name / "hypernet.safetensors").read_bytes() for name in ("net", "whole")]
    assert both[0] == both[1]
    assert whole.exit_code == 0


def test_four_bits_are_refused_where_they_cannot_be_computed(
    tasks: Path, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("studies.jobs.text_to_lora.task_training", "objectives.text_to_lora.writing"):
        monkeypatch.setattr(f"{module}.choose_device", lambda _wanted: "cpu")
    out = tmp_path / "net"
    train = ("t2l", "train", "--tasks", str(tasks), "--out", str(out), *FAST)
    refused(*train, "--precision", "4bit", code="four-bits-without-cuda", field="--precision")
    assert call(*train).exit_code == 0
    told = json.loads((out / "hypernet.json").read_text())
    (out / "hypernet.json").write_text(json.dumps(told | {"precision": "4bit"}))
    write = ("t2l", "write", "list final", "--out", str(tmp_path / "adapter"), "--network", str(out))
    refused(*write, code="four-bits-without-cuda")


def test_what_cannot_be_is_refused(runs: Path, tasks: Path, tmp_path: Path, refused: Refused) -> None:
    out = ("--out", str(tmp_path / "net"))
    train = ("t2l", "train", "--tasks", str(tasks), *out)
    assert "--tasks" in refused("t2l", "train", code="one-of-two")
    assert "--tasks" in refused("t2l", "train", STUDY, "--tasks", str(tasks), code="one-of-two")
    assert "--out" in refused("t2l", "train", "--tasks", str(tasks), code="out-missing")
    assert "'reconstruction'" in refused(*train, "--by", "reconstruct", code="option-unknown")
    assert "L, M, S" in refused(*train, "--head", "XL", code="option-unknown")
    assert "'query'" in refused(*train, "--targets", "query", code="target-unknown")
    onehot = ("t2l", "train", STUDY, "--runs", str(runs), *out, "--encoder", "onehot")
    assert "--encoder onehot" in refused(*onehot, code="onehot-reads-no-text")
    nowhere = str(tmp_path / "nowhere")
    assert nowhere in refused("t2l", "train", "--tasks", nowhere, *out, code="tasks-too-few")
    study = ("t2l", "train", STUDY, "--runs", str(runs), *out)
    assert "--base" in refused(*study, "--base", "tiny", code="option-without-meaning")
    rebuilt = ("--by", "reconstruction", "--rank", "4")
    assert "--rank" in refused(*study, *rebuilt, code="option-without-meaning")
    assert "--folds" in refused(*train, "--folds", "2", code="option-without-meaning")
    assert "'bfloat16'" in refused(*train, "--precision", "bf16float", code="option-unknown")
    rank = ("t2l", "rank", str(tasks), "--runs", str(tmp_path))
    assert "mixtune t2l train" in refused(*rank, code="not-one-hypernetwork")
    refused("t2l", "write", *out, code="one-of-two")
    (tasks / "bad.yaml").write_text("descriptions: []\nexamples: []\n")
    assert "bad.yaml, line 1" in refused(*train, code="too-short", line=1, field="descriptions")
    long = yaml.safe_dump({"descriptions": ["x"], "examples": [{"prompt": "cat " * 4000, "completion": " fox"}]})
    (tasks / "bad.yaml").write_text(long)
    assert "bad.yaml" in refused(*train, code="example-too-long")
    (tasks / "first.yml").write_text((tasks / "first.yaml").read_text())
    assert "'first'" in refused(*train, code="task-names-collide")
    (tasks / "first.yml").unlink()
    (tasks / "bad.yaml").write_text("descriptions: [x]\nexamples: thrd.jsonl\n")
    assert "'third.jsonl'" in refused(*train, code="examples-missing")
    assert not (tmp_path / "net").exists(), "nothing is left behind"
