"""Listeners hear of every event and cost no trial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from objectives.base import Rung
from search.events import ConfirmationBegun, Event, RungReported, TrialFinished, TrialStarted
from search.listeners import listening
from search.listeners.jsonl import FILE, JsonLines
from search.spec import SearchSpec
from spaces import kinds
from tests.support.launching import launch
from tests.support.refusals import refused, unfit


def test_events_are_lines_of_json(tmp_path: Path) -> None:
    rung = Rung(0, 300, 0.5, 0.01, base=0.25, items=(0.25, 0.75), qualities={"accuracy": 0.5})
    for _ in range(2):
        with listening(["jsonl"], "books", tmp_path / "runs") as hear:
            for event in (TrialStarted(3), RungReported(3, rung), TrialFinished(3, TrialState.PRUNED)):
                hear(event)
    lines = [json.loads(line) for line in (tmp_path / "runs" / FILE).read_text().splitlines()]
    assert [line["event"] for line in lines] == ["TrialStarted", "RungReported", "TrialFinished"] * 2, (
        "a resume goes on"
    )
    assert {line["study"] for line in lines} == {"books"}
    assert lines[1]["rung"]["score"] == 0.5
    assert "items" not in lines[1]["rung"]
    assert lines[2]["state"] == "PRUNED"


class Deaf:
    """Fails at its first event, and notes that it was closed."""

    heard = 0
    closed = 0

    def __init__(self, study: str, folder: Path) -> None:
        pass

    def hear(self, event: Event) -> None:
        type(self).heard += 1
        raise SystemExit("enough")

    def close(self) -> None:
        type(self).closed += 1
        raise OSError("cannot be closed either")


def never(study: str, folder: Path) -> Deaf:
    raise ValueError("no server")


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"deaf": f"{__name__}:Deaf", "never": f"{__name__}:never"}
    monkeypatch.setattr(kinds, "_installed", lambda group: rows if group == "mixtune.listeners" else {})
    monkeypatch.setattr(
        kinds, "load", lambda target: globals()[target.split(":")[1]] if __name__ in target else JsonLines
    )


def test_a_listener_that_fails_is_told_once_closed_and_heard_no_more(
    plugins: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Deaf.heard = Deaf.closed = 0
    with listening(["never", "deaf", "jsonl"], "books", tmp_path) as hear:
        for number in range(3):
            hear(TrialStarted(number))
    told = capsys.readouterr().err
    assert (told.count("'never'"), told.count("'deaf'")) == (1, 1)
    assert "no server" in told
    assert (Deaf.heard, Deaf.closed) == (1, 1)
    assert len((tmp_path / FILE).read_text().splitlines()) == 3, "the others hear"


def test_not_even_a_closed_terminal_ends_the_run(
    plugins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = (tmp_path / "terminal").open("w")
    closed.close()
    monkeypatch.setattr("sys.stderr", closed)
    with listening(["deaf"], "books", tmp_path) as hear:
        hear(TrialStarted(0))


def test_lines_say_which_part_of_the_study_they_are_of(tmp_path: Path) -> None:
    with listening(["jsonl"], "books", tmp_path) as hear:
        for event in (TrialStarted(0), ConfirmationBegun(9), TrialStarted(0)):
            hear(event)
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [line["part"] for line in lines] == ["search", "confirmation", "confirmation"]


def test_a_listener_is_named_once() -> None:
    with unfit("listener-twice"):
        SearchSpec(listeners=["jsonl", "jsonl"])


def test_an_unknown_listener_is_refused_at_launch_and_hides_no_stored_study(library: Path, tmp_path: Path) -> None:
    with refused("choice-unknown", "'jsonl'", field="search.listeners"):
        launch(library, tmp_path / "runs", search={"trials": 4, "listeners": ["json"]})
    assert SearchSpec(listeners=["of another machine"]).listeners, "a study can be read without its listeners"
