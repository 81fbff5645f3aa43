"""Listeners hear of every event and cost no trial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from objectives.base import Rung
from search.events import RungTold, TrialFinished, TrialStarted
from search.listeners import listening
from search.listeners.jsonl import FILE
from search.spec import SearchSpec
from tests.support.refusals import unfit


def test_events_are_lines_of_json(tmp_path: Path) -> None:
    rung = Rung(0, 300, 0.5, 0.01, base=0.25, items=(0.25, 0.75), qualities={"accuracy": 0.5})
    for _ in range(2):
        with listening(["jsonl"], "books", tmp_path / "runs") as hear:
            for event in (TrialStarted(3), RungTold(3, rung), TrialFinished(3, TrialState.PRUNED)):
                hear(event)
    lines = [json.loads(line) for line in (tmp_path / "runs" / FILE).read_text().splitlines()]
    assert [line["event"] for line in lines] == ["TrialStarted", "RungTold", "TrialFinished"] * 2, "a resume goes on"
    assert {line["study"] for line in lines} == {"books"}
    assert lines[1]["rung"]["score"] == 0.5
    assert "items" not in lines[1]["rung"]
    assert lines[2]["state"] == "PRUNED"


def test_a_listener_that_cannot_begin_is_told_and_others_hear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").write_text("no folder")
    with listening(["jsonl"], "books", tmp_path / "runs") as hear:
        hear(TrialStarted(0))
    assert "'jsonl'" in capsys.readouterr().err


def test_an_unknown_listener_is_refused() -> None:
    with unfit("choice-unknown"):
        SearchSpec(listeners=["json"])
