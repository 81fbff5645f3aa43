"""Which questions a trial is asked at its rungs, on each half, and what it is compared with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import objectives
from objectives.base import Objective, Prepared, Rung
from objectives.spec import FinetuneSpec
from spaces import CorpusMix, Stage, TrialConfig, Tuning, scan
from spaces.trial import Split
from tests.support.questions import TASK
from tests.support.refusals import unfit

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("parts")
    rows = [
        {"q": f"which of ant bee {animal} fox met number {i}?", "choices": ["ant", "bee", animal, "fox"], "gold": i % 4}
        for i, animal in enumerate(["cat", "dog", "hen", "cow"] * 6)
    ]
    (made / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (made / "small.yaml").write_text(TASK)
    texts = made / "texts"
    texts.mkdir()
    for name in ("one", "two"):
        (texts / f"{name}.txt").write_text("".join(f"the ant of {name} met {i} bees.\n" for i in range(60)))
    return made


def _objective(folder: Path, **fields: Any) -> tuple[Objective, Prepared]:
    scores = [
        {"kind": "benchmark", "tasks": [str(folder / "small.yaml")]},
        {"kind": "heldout", "text": "one", "share": 0.3},
    ]
    spec = FinetuneSpec.model_validate(
        {"tokens": 600, "sequence_length": 16, "batch_size": 4, "rungs": [0.3, 0.7, 1.0], "scores": scores, **fields}
    )
    prepared = objectives.prepare(spec, scan(folder / "texts"), folder / "cache")
    return objectives.build(spec, prepared.corpus, folder / "cache"), prepared


def _trial(prepared: Prepared, *names: str) -> TrialConfig:
    tuning = Tuning("lora", 4, 8, 0, prepared.layout.resolve_targets("all-linear"))
    return TrialConfig("tiny", 0, (Stage("train", CorpusMix.equal(names), tuning, (), prepared.rungs[-1], 1e-2),))


def _asked(folder: Path, rung: Rung) -> list[str]:
    with safe_open(folder / "scores" / f"rung-{rung.index}.safetensors", "np") as stored:
        questions: list[str] = json.loads(stored.metadata()["asked"])[0]["questions"]
    return questions


def test_a_growing_part_of_the_searchs_half_is_asked(folder: Path, tmp_path: Path) -> None:
    objective, prepared = _objective(folder, questions=[0.25, 0.5, 1.0])
    rungs = list(objective.evaluate(_trial(prepared, "two"), tmp_path))
    asked = [_asked(tmp_path, rung) for rung in rungs]
    assert [len(questions) for questions in asked] == [len(rung.items) for rung in rungs] == [3, 6, 12]
    assert set(asked[0]) < set(asked[1]) < set(asked[2])
    whole = list(_objective(folder)[0].evaluate(_trial(prepared, "two"), tmp_path / "whole"))
    assert rungs[-1].score == pytest.approx(whole[-1].score, abs=1e-5), "a part changes no training"
    assert len({rung.base for rung in rungs}) == 3, "each rung is compared with the base on its own questions"


def test_a_confirming_run_is_asked_the_other_half_only(folder: Path, tmp_path: Path) -> None:
    objective, prepared = _objective(folder, questions=[0.25, 0.5, 1.0])
    trial = _trial(prepared, "two")
    searched = list(objective.evaluate(trial, tmp_path / "search"))
    confirmed = list(objective.evaluate(trial, tmp_path / "holdout", "holdout"))
    assert [len(rung.items) for rung in confirmed] == [1, 1, 12]
    seen, fresh = _asked(tmp_path / "search", searched[-1]), _asked(tmp_path / "holdout", confirmed[-1])
    assert len({*seen, *fresh}) == 24
    assert prepared.holdout is not None
    assert prepared.holdout.mean(confirmed[-1].items) == pytest.approx(confirmed[-1].score)
    again = list(objective.evaluate(trial, tmp_path / "search", "holdout"))
    assert [rung.score for rung in again] == [rung.score for rung in confirmed], "no rung of the other questions"


def test_gains_are_paired_with_the_base(folder: Path, tmp_path: Path) -> None:
    objective, prepared = _objective(folder)
    base = list(objective.evaluate(_trial(prepared), tmp_path / "base"))[-1]
    last = list(objective.evaluate(_trial(prepared, "two"), tmp_path / "two"))[-1]
    assert (base.gain, base.gain_stderr) == (0.0, 0.0)
    assert last.base == base.score
    difference = np.array(last.items) - np.array(base.items)
    assert last.gain == pytest.approx(difference.mean())
    assert last.gain_stderr == pytest.approx(difference.std(ddof=1) / np.sqrt(len(difference)))
    with safe_open(tmp_path / "two" / "scores" / "rung-2.safetensors", "np") as stored:
        assert stored.get_tensor("0/small/probability") == pytest.approx(np.array(last.items))
        assert stored.get_tensor("base/0/small/probability") == pytest.approx(np.array(base.items))
        assert {"0/small/accuracy", "0/small/acc,none", "0/small/margin", "1/heldout/bits_per_byte"} <= set(
            stored.keys()
        )


def test_forgetting_is_told_against_the_base(folder: Path, tmp_path: Path) -> None:
    objective, prepared = _objective(folder)
    assert "forgotten" in prepared.qualities
    base = list(objective.evaluate(_trial(prepared), tmp_path / "base"))[-1]
    last = list(objective.evaluate(_trial(prepared, "two"), tmp_path / "two"))[-1]
    assert base.qualities["forgotten"] == 0
    before, now = (rung.qualities["heldout_bits_per_byte"] for rung in (base, last))
    assert last.qualities["forgotten"] == pytest.approx(now - before)
    assert last.qualities["text_tokens"] == prepared.corpus["two"].tokens
    assert last.qualities["adapter_weights"] > 0 == base.qualities["adapter_weights"]


@pytest.mark.parametrize("shares", [[0.5, 1.0], [0.5, 0.2, 1.0], [0.2, 0.5, 0.9]])
def test_parts_that_do_not_fit_the_rungs_are_refused(shares: list[float]) -> None:
    with unfit("question-shares", "3"):
        FinetuneSpec.model_validate({"tokens": 100, "questions": shares, "scores": [{"kind": "heldout", "text": "a"}]})


def test_an_entry_that_keeps_nothing_from_the_search_is_asked_whole_on_both_halves(
    folder: Path, tmp_path: Path
) -> None:
    scores = [
        {"kind": "benchmark", "tasks": [str(folder / "small.yaml")]},
        {"kind": "benchmark", "tasks": [str(folder / "small.yaml")], "holdout": 0},
        {"kind": "heldout", "text": "one", "holdout": 0},
    ]
    objective, prepared = _objective(folder, scores=scores)
    trial = _trial(prepared, "two")
    splits: tuple[Split, ...] = ("search", "holdout")
    rungs = {split: list(objective.evaluate(trial, tmp_path / split, split))[-1] for split in splits}
    assert [len(rung.items) for rung in rungs.values()] == [12, 12]
    for name in ("scores.1/accuracy", "scores.1/probability", "heldout_bits_per_byte"):
        assert rungs["search"].qualities[name] == pytest.approx(rungs["holdout"].qualities[name], abs=1e-5)
    assert rungs["search"].qualities["probability"] != rungs["search"].qualities["scores.1/probability"]


def test_another_split_is_another_study(folder: Path) -> None:
    task = {"kind": "benchmark", "tasks": [str(folder / "small.yaml")]}
    inputs = [
        _objective(folder, scores=[{**task, **split}])[1].inputs
        for split in ({}, {"split_seed": 1}, {"holdout": 0.4}, {})
    ]
    assert inputs[0] == inputs[3]
    assert inputs[0] != inputs[1]
    assert inputs[0] != inputs[2]
