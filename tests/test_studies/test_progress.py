from __future__ import annotations

import io
from pathlib import Path

import pytest
from optuna.trial import TrialState
from rich.console import Console

from objectives.base import Rung
from search.events import RungReported, TrialFinished, TrialLost, TrialStarted
from studies.analysis.units import duration
from studies.cli.progress import Progress
from studies.run.launch import prepare_launch
from studies.run.status import status_of
from tests.support.launching import spec_for


def progress(library: Path, tmp_path: Path, *, terminal: bool) -> tuple[Progress, Console]:
    ready = prepare_launch(spec_for(library), tmp_path / "runs")
    console = Console(file=io.StringIO(), width=90, force_terminal=terminal, record=True)
    return Progress(console, status_of(ready.store.load("small"), ()), rungs=3), console


def rung(index: int, score: float) -> Rung:
    return Rung(index, 300 * (index + 1), score, 0.01, base=0.25)


def play(shown: Progress, number: int, *scores: float, state: TrialState) -> None:
    shown(TrialStarted(number))
    for index, score in enumerate(scores):
        shown(RungReported(number, rung(index, score)))
    shown(TrialFinished(number, state))


def test_without_a_terminal_every_trial_is_a_line(library: Path, tmp_path: Path) -> None:
    shown, console = progress(library, tmp_path, terminal=False)
    with shown.shown():
        play(shown, 0, 0.3, 0.4, 0.5, state=TrialState.COMPLETE)
        play(shown, 1, 0.2, state=TrialState.PRUNED)
        play(shown, 2, state=TrialState.FAIL)
    lines = console.export_text().splitlines()
    assert (
        lines[1] == "[1/8] trial 0 complete, score 0.500 after 900 tokens; best 0.500 (trial 0), base 0.250, 0 pruned"
    )
    assert lines[2].startswith("[2/8] trial 1 pruned, score 0.200 after 300 tokens; best 0.500 (trial 0)")
    assert lines[3].startswith("[3/8] trial 2 failed; best 0.500 (trial 0), base 0.250, 1 pruned, 1 failed")


def test_a_trial_that_lost_its_worker_is_told_and_counts_once(library: Path, tmp_path: Path) -> None:
    shown, console = progress(library, tmp_path, terminal=False)
    with shown.shown():
        shown(TrialStarted(0))
        shown(RungReported(0, rung(0, 0.3)))
        shown(TrialLost(0))
        play(shown, 0, 0.3, 0.4, 0.5, state=TrialState.COMPLETE)
    lines = console.export_text().splitlines()
    assert lines[1] == "trial 0 lost its worker and resumes from its last rung"
    assert lines[2].startswith("[1/8] trial 0 complete, score 0.500")


@pytest.mark.parametrize("terminal", [True, False])
def test_the_last_line_sums_up_a_whole_run_only(library: Path, tmp_path: Path, terminal: bool) -> None:
    shown, console = progress(library, tmp_path, terminal=terminal)
    with shown.shown():
        for number in range(7):
            play(shown, number, 0.3, 0.4, 0.5, state=TrialState.COMPLETE)
    assert "7 trials, " not in console.export_text(clear=False)
    with shown.shown():
        play(shown, 7, 0.2, state=TrialState.PRUNED)
    last = console.export_text().rstrip().splitlines()[-1]
    assert last.endswith("s: best 0.500 (trial 0), base 0.250, 1 pruned")
    assert last.startswith("8 trials, ")


def test_in_a_terminal_rungs_of_running_trials_are_shown(library: Path, tmp_path: Path) -> None:
    shown, console = progress(library, tmp_path, terminal=True)
    play(shown, 0, 0.3, 0.4, 0.5, state=TrialState.COMPLETE)
    shown(TrialStarted(1))
    shown(RungReported(1, rung(0, 0.333)))
    console.print(shown)
    text = console.export_text()
    assert "1/8 trials" in text
    assert "trial 1" in text
    assert "●○○" in text
    assert "0.333" in text
    assert "best 0.500 (trial 0)" in text


def test_time_left_is_told_once_there_is_a_pace(library: Path, tmp_path: Path) -> None:
    shown, console = progress(library, tmp_path, terminal=False)
    with shown.shown():
        for number in range(5):
            play(shown, number, 0.3, 0.4, 0.5, state=TrialState.COMPLETE)
    lines = console.export_text().splitlines()
    assert "left" not in lines[2]
    assert "about 0 s left" in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
