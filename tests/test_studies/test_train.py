"""`mixtune train`, `export` and `apply` on the shipped base, as a user calls them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from objectives.spec import FinetuneSpec
from search.confirmation import _random_mix
from studies.jobs.inspecting import inspect_best
from studies.jobs.train import _lease
from studies.report.tables import trials_table
from studies.run.launch import prepare_launch
from studies.spec import read_study
from studies.storage.finding import find
from tests.support.commands import call, fails
from tests.support.launching import local
from tests.support.plans import PLAN, place, write

__all__ = ["place"]  # a fixture

if TYPE_CHECKING:
    from objectives.base import Rung
    from spaces import TrialConfig

pytestmark = pytest.mark.torch


def test_a_plan_is_trained_and_written_in_every_form(place: Path) -> None:
    done = call("train", "plan.yaml")
    assert done.exit_code == 0, done.output
    assert "2 of 2" in done.output
    assert "Wrote runs/plan/export" in done.output
    out = place / "runs" / "plan" / "export"
    assert {path.name for path in out.iterdir()} == {
        "adapter",
        "merged",
        "tuned.safetensors",
        "provenance.jsonl",
        "README.md",
    }
    stages = [json.loads(line) for line in (out / "provenance.jsonl").read_text().splitlines()]
    assert [(stage["stage"], stage["method"], stage["layers"]) for stage in stages] == [
        ("0-low", "lora", ["0-1"]),
        ("1-norms", "layernorm", ["3"]),
    ]
    assert [text["name"] for text in stages[1]["texts"]] == ["ants", "bees"]
    assert call("apply", str(out / "tuned.safetensors"), "--base", "tiny", "--out", "again").exit_code == 0
    merged = out / "merged" / "model.safetensors"
    assert (place / "again" / "model.safetensors").read_bytes() == merged.read_bytes()
    assert not list((place / "runs" / "plan").glob("training-*")), "what was only needed to go on is gone"


def test_a_plan_that_was_cut_off_goes_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from objectives.finetune import FinetuneObjective

    assert call("train", "plan.yaml", "--out", "whole", "--only", "merged").exit_code == 0
    evaluate = FinetuneObjective.evaluate

    def stopped(self: FinetuneObjective, trial: TrialConfig, workdir: Path) -> Iterator[Rung]:
        for rung in evaluate(self, trial, workdir):
            yield rung
            if rung.index == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FinetuneObjective, "evaluate", stopped)
        done = call("train", "plan.yaml")
    assert done.exit_code == 130
    assert "The same command goes on" in done.output
    went_on = call("train", "plan.yaml", "--only", "merged")
    assert went_on.exit_code == 0
    objective = read_study(place / "plan.yaml").objective
    assert isinstance(objective, FinetuneSpec)
    shown = [f" {tokens} " in went_on.output for tokens in objective.rung_tokens]
    assert shown == [False, True, True], "it goes on from the second rung"
    again = place / "runs" / "plan" / "export" / "merged" / "model.safetensors"
    first = place / "whole" / "merged" / "model.safetensors"
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("change", "words", "code", "data"),
    [
        ({"learning_rate": [1e-3, 1e-2]}, (), "fields-left-open", ["learning_rate", "mixtune launch"]),
        ({}, ("--only", "adaptor"), "option-unknown", ["--only", "adapter, merged, file", "'adaptor'"]),
        ({}, ("--out", "texts"), "path-taken", ["'texts'", "--out"]),
        ({"stages": [{"name": "a", "share": 0.9}, {"name": "b"}]}, (), "stage-too-short", ["'b'", "51", "512"]),
        ({"texts": {"folder": "texts", "choose": "all", "max_epochs": 0.01}}, (), "nothing-trained", ["max_epochs"]),
        ({"stages": [{"name": "a", "layers": "9"}]}, (), "layers-out-of-range", ["space.stages.0.layers", "0-3"]),
    ],
)
def test_what_cannot_be_trained_is_refused(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    words: tuple[str, ...],
    code: str,
    data: list[str],
) -> None:
    write(place, {**PLAN, "space": {**PLAN["space"], **change}})
    said = fails(capsys, monkeypatch, "train", "plan.yaml", *words, code=code)
    assert [word for word in data if word not in said] == []


def test_two_runs_of_one_plan_are_kept_apart(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _lease("plan", place / "runs" / "plan"):
        assert "'plan'" in fails(capsys, monkeypatch, "train", "plan.yaml", code="study-running")
    assert call("train", "plan.yaml", "--only", "file").exit_code == 0


def test_one_text_alone_may_be_trained_on(place: Path) -> None:
    (place / "texts" / "bees.txt").unlink()
    assert call("train", "plan.yaml", "--only", "file").exit_code == 0


def test_a_file_that_is_none_is_not_applied(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "bad.safetensors").write_bytes(b"no")
    apply = ("apply", "bad.safetensors", "--base", "tiny", "--out", "new")
    assert "'bad.safetensors'" in fails(capsys, monkeypatch, *apply, code="adapter-file-unreadable")
    assert not list(place.glob("new*")), "nothing half written is left"


def test_the_base_of_a_confirmation_is_untouched_though_a_stage_has_its_own_texts(place: Path) -> None:
    stages = [{"name": "own", "texts": ["ants"]}, {"name": "mix", "layers": "2-3"}]
    path = study(place, {"stages": stages, "order": "any"})
    plan = yaml.safe_load(path.read_text())
    plan["objective"]["scores"] = [{"kind": "heldout", "files": ["heldout.txt"], "holdout": 0.5, "passage": 40}]
    plan["search"] |= {"confirm": {"best": 1, "seeds": 2}, "randomized_settings": "drawn", "sampler": "random"}
    write(place, plan)
    outcome = prepare_launch(read_study(path), place / "runs").run(local, lambda _: None)
    runs = {record.role: record for record in outcome.study.confirmation}
    base = runs["untouched base"]
    assert not base.config.trains
    assert base.rungs[-1].score == base.rungs[-1].base
    assert runs["all texts"].config.stages[0].own_mix or runs["all texts"].config.stages[1].own_mix
    table = trials_table(outcome.study)
    assert set(table["stages"]) == {"own > mix", "mix > own"}
    assert set(table["own.texts"]) == {"ants"}
    assert set(table["own.tokens"]) == {256}


def test_random_mixes_keep_the_limits() -> None:
    for seed in range(50):
        assert 2 <= len(_random_mix(list("abcdef"), (2, 3), seed)) <= 3


def study(place: Path, space: dict[str, Any], **objective: Any) -> Path:
    plan = {
        "name": "small",
        "space": {"texts": {"folder": "texts"}, "learning_rate": {"low": 1e-3, "high": 1e-2}, **space},
        "objective": {**PLAN["objective"], **objective},
        "search": {"trials": 6, "confirm": {"best": 0}},
    }
    write(place, plan)
    return place / "plan.yaml"


def test_the_report_shows_what_the_best_trial_changed(place: Path) -> None:
    path = study(place, {"tuning": {"rank": 2, "targets": "attention"}, "layers": ["0-1", "2-3"]})
    outcome = prepare_launch(read_study(path), place / "runs").run(local, lambda _: None)
    best = outcome.study.best
    assert best is not None
    assert best.texts
    done = call("report", "small")
    assert done.exit_code == 0, done.output
    page = (place / "runs" / "small" / "report" / "report.html").read_text()
    assert "What changed in the model" in page
    assert "How attention changed" in page
    known = list((place / "runs" / "small" / "changes").iterdir())
    assert len(known) == 1
    written = known[0].stat().st_mtime_ns
    assert call("report", "small").exit_code == 0
    assert known[0].stat().st_mtime_ns == written, "computed once"
    known[0].write_text(known[0].read_text()[:100])
    assert call("report", "small").exit_code == 0
    assert json.loads(known[0].read_text())["layers"] == 4, "what cannot be read is computed anew"
    assert call("export", "small", "--out", "out", "--only", "adapter").exit_code == 0
    assert json.loads((place / "out" / "provenance.jsonl").read_text())["number"] == best.number


def test_a_report_without_its_base_says_what_it_does_not_show(place: Path) -> None:
    from objectives.bases.tiny import FOLDER

    shutil.copytree(FOLDER, place / "base")
    path = study(place, {}, base="base")
    prepare_launch(read_study(path), place / "runs").run(local, lambda _: None)
    shutil.rmtree(place / "base")
    done = call("report", "small")
    assert done.exit_code == 0
    found = find("small", place / "runs")
    inspection, note = inspect_best(found.study, found.folder)
    assert inspection is None
    assert " ".join(note.split()) in " ".join(done.output.split())
    assert str(place / "base") in note
    assert (place / "runs" / "small" / "report" / "report.html").is_file()


@pytest.mark.parametrize(
    ("space", "objective", "field", "code"),
    [
        (
            {"tuning": {"method": ["lora", "full"]}},
            {"precision": "bfloat16"},
            "objective.precision",
            "precision-too-low",
        ),
        (
            {"stages": [{"name": "a"}, {"name": "b"}]},
            {"precision": "bfloat16"},
            "objective.precision",
            "precision-rounds-stages",
        ),
        ({}, {"precision": "4bit", "device": "cpu"}, "objective.precision", "four-bits-without-cuda"),
        ({}, {"batch_size": 4, "gradient_accumulation_steps": 3}, "objective", "accumulate-uneven"),
        ({"tuning": {"method": "bitfit"}}, {}, "space.tuning.method", "no-biases"),
    ],
)
def test_what_this_base_or_machine_cannot_do_is_refused_before_any_trial(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    space: dict[str, Any],
    objective: dict[str, Any],
    field: str,
    code: str,
) -> None:
    study(place, space, **objective)
    fails(capsys, monkeypatch, "launch", "plan.yaml", "--local", code=code, field=field)


def test_a_mistake_in_a_stage_is_told_with_its_line(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (place / "plan.yaml").read_text().replace("targets: attention", "targets: atention")
    (place / "plan.yaml").write_text(text)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "atention" in each)
    where = {"line": line, "field": "space.stages.0.tuning.targets"}
    said = fails(capsys, monkeypatch, "train", "plan.yaml", code="target-unknown", **where)
    assert f"plan.yaml, line {line}" in said
    assert "'tiny'" in said
