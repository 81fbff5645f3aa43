"""The figures of `mixtune train`: at every rung, at the end of each stage, on the terminal and in what is exported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.spec import FinetuneSpec
from tests.support.commands import call
from tests.support.plans import PLAN, place, write
from tests.support.questions import write_task

if TYPE_CHECKING:
    from objectives.base import Rung
    from spaces import TrialConfig

__all__ = ["place"]  # a fixture
pytestmark = pytest.mark.torch


def _stages(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "provenance.jsonl").read_text().splitlines()]


def test_every_stage_is_scored_at_its_end_and_all_figures_are_kept(place: Path) -> None:
    done = call("train", "plan.yaml", "--only", "adapter")
    assert done.exit_code == 0, done.output
    first, second = _stages(place / "runs" / "plan" / "export")
    rows = [line.split() for line in done.output.splitlines() if " of 2 " in line]
    assert [row[0] for row in rows] == ["192", "256", "320", "512"], "the first stage ends between two rungs"
    assert [row[1] for row in rows] == ["0", "1", "1", "2"]
    assert f"{first['end']['score']:.4f}" == rows[1][5]
    assert f"{second['end']['score']:.4f}" == f"{second['score']:.4f}" == rows[3][5]
    assert first["end"]["score"] != second["end"]["score"]
    for figures in (first["end"], second["end"], first, second):
        assert figures["metric"] == "bits_per_byte"
        assert figures["gain"] == pytest.approx(figures["score"] - figures["base_score"])
        assert figures["qualities"]["heldout_bits_per_byte"] == pytest.approx(-figures["score"])
    card = (place / "runs" / "plan" / "export" / "README.md").read_text()
    assert f"{second['score']:.4f}" in card
    assert f"{first['end']['score']:.4f}" in card
    assert "heldout_bits_per_byte" in card


def test_stage_ends_outlive_a_break(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from objectives.finetune import FinetuneObjective

    assert call("train", "plan.yaml", "--out", "whole", "--only", "adapter").exit_code == 0
    evaluate = FinetuneObjective.evaluate

    def stopped(self: FinetuneObjective, trial: TrialConfig, workdir: Path) -> Iterator[Rung]:
        for rung in evaluate(self, trial, workdir):
            yield rung
            if rung.index == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FinetuneObjective, "evaluate", stopped)
        assert call("train", "plan.yaml").exit_code == 130
    done = call("train", "plan.yaml", "--only", "adapter")
    assert done.exit_code == 0, done.output
    assert [stage["end"] for stage in _stages(place / "runs" / "plan" / "export")] == [
        stage["end"] for stage in _stages(place / "whole")
    ]


def test_accuracy_stands_in_the_table(place: Path) -> None:
    write_task(place)
    benchmark = {"kind": "benchmark", "tasks": ["small.yaml"]}
    scores = [benchmark, PLAN["objective"]["scores"][0]]
    write(place, {**PLAN, "objective": {**PLAN["objective"], "scores": scores}})
    done = call("train", "plan.yaml", "--only", "adapter")
    assert done.exit_code == 0, done.output
    head = next(line for line in done.output.splitlines() if "training loss" in line)
    assert head.split()[-1] == "accuracy"
    stage = _stages(place / "runs" / "plan" / "export")[-1]
    last = [line for line in done.output.splitlines() if " 2 of 2 " in line][-1]
    assert f"{stage['qualities']['accuracy']:.3f} ± {stage['qualities']['accuracy_stderr']:.3f}" in last
    for name in ("margin", "bits_per_byte", "heldout_bits_per_byte"):
        line = next(line for line in done.output.splitlines() if line.startswith(f"{name} "))
        assert line.split()[1:] == [
            f"{each['end']['qualities'][name]:.6g}" for each in _stages(place / "runs/plan/export")
        ]


def test_rungs_at_stage_ends_are_asked_no_less_than_the_rung_after_them() -> None:
    from objectives.training.schedule import stage_steps, with_stage_ends
    from spaces import CorpusMix, Stage, TrialConfig, Tuning

    scores = [{"kind": "heldout", "text": "a"}]
    spec = FinetuneSpec.model_validate(
        {
            "tokens": 1000,
            "sequence_length": 10,
            "batch_size": 1,
            "rungs": [0.2, 1.0],
            "questions": [0.3, 1.0],
            "scores": scores,
        }
    )
    tuning = Tuning("lora", 2, 4, 0.0, ("q_proj",))
    budgets = {"a": 155, "b": 50, "c": 795}
    stages = tuple(Stage(name, CorpusMix.equal(["a"]), tuning, (), tokens, 1e-3) for name, tokens in budgets.items())
    trial = TrialConfig(base="tiny", stages=stages, seed=0)
    found = list(stage_steps(trial, {"a": 500}, spec))
    assert [(stage.name, stage.last) for stage in found] == [("0-a", 15), ("1-b", 20), ("2-c", 100)]
    asked = with_stage_ends(spec, found)
    assert asked.rung_steps == (15, 20, 100)
    assert asked.rung_questions == (0.3, 0.3, 1.0)
