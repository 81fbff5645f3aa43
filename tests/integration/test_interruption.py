"""Ways to stop a study from outside: Ctrl-C and kill -9 of the whole program, on the command line with a real Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from optuna.trial import TrialState

from search.storage.records import TrialRecord
from studies.storage.finding import find
from tests.support.studies import STUDY

pytestmark = pytest.mark.ray

TRIALS = 32
LONG = (
    STUDY.replace("name: quick", "name: long")
    .replace("noise: 0.01", "noise: 0.01\n  seconds: 0.1")
    .replace("trials: 12", f"trials: {TRIALS}, workers: 2, pruner: none")
)
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class Program:
    """`mixtune` in a process group of its own, as a shell starts it."""

    def __init__(self, place: Path, *words: str, prefix: tuple[str, ...] = (), ray: str | None = None) -> None:
        """Start it; `ray`: address of one that runs, where the program is not killed together with its own."""
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "studies.cli", *words],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **({"RAY_ADDRESS": ray} if ray else {})},
            start_new_session=True,
        )

    def wait_for(self, finished: int) -> None:
        """Until it has told of so many finished trials."""
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            if line.startswith(f"[{finished}/"):
                return
            said.append(line)
        pytest.fail("it ended before it had so many trials:\n" + "".join(said))

    def wait_for_text(self, text: str) -> None:
        """Until it has told so."""
        assert self.process.stdout is not None
        assert any(text in line for line in self.process.stdout)

    def output(self) -> str:
        text, _ = self.process.communicate(timeout=120)
        return text

    def kill(self) -> None:
        """kill -9 of everything that it started."""
        family = [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children(recursive=True))]
        for pid in family:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate(timeout=60)


def records(place: Path) -> tuple[TrialRecord, ...]:
    return find("long", place / "runs")[1].records


def ended(place: Path) -> dict[int, TrialRecord]:
    return {record.number: record for record in records(place) if record.state in _FINISHED}


@pytest.fixture
def place(library: Path, tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(LONG)
    return tmp_path


def shorter(place: Path, trials: int) -> None:
    """Let the study have so many trials, as many as its test has to see."""
    file = place / "study.yaml"
    file.write_text(file.read_text().replace(f"trials: {TRIALS}", f"trials: {trials}"))


def finishes_with_nothing_lost(
    place: Path, before: dict[int, TrialRecord], ray: str, *options: str, trials: int = TRIALS
) -> None:
    resumed = Program(place, "resume", "long", *options, ray=ray)
    text = resumed.output()
    assert resumed.process.returncode == 0, text
    after = ended(place)
    assert sorted(after) == list(range(trials))
    assert {record.state for record in after.values()} == {TrialState.COMPLETE}
    for number, record in before.items():
        assert after[number] == record, "a finished trial stays as it was"
    assert (place / "runs" / "long" / "report" / "report.html").is_file()


def _ctrl_c(program: Program) -> str:
    os.killpg(program.process.pid, signal.SIGINT)
    text = program.output()
    assert program.process.returncode == 130, text
    return text


def _two_ctrl_c(program: Program) -> str:
    os.killpg(program.process.pid, signal.SIGINT)
    time.sleep(0.05)
    begun = time.monotonic()
    text = _ctrl_c(program)
    assert time.monotonic() - begun < 5, "the second one stops at once"
    return text


def _sigterm(program: Program) -> str:
    program.process.terminate()
    text = program.output()
    assert program.process.returncode == 143, text
    return text


def _kill_9(program: Program) -> str:
    program.kill()
    return ""


def test_a_study_that_is_stopped_in_every_way_loses_nothing(place: Path, ray_address: str) -> None:
    """Each run starts a Ray of its own, with which it is ended; the last one goes on to the end of the study."""
    stops = {_ctrl_c: "Resume with", _sigterm: "Resume with", _two_ctrl_c: "resume with", _kill_9: ""}
    before: dict[int, TrialRecord] = {}
    words = ("launch", "study.yaml")
    for stop, says in stops.items():
        program = Program(place, *words)
        try:
            program.wait_for(finished=len(before) + 4)
            text = stop(program)
        finally:
            if program.process.poll() is None:
                program.kill()
        now = ended(place)
        assert {number: now[number] for number in before} == before, f"{stop.__name__}: a finished trial stays"
        before = now
        assert "Traceback" not in text
        assert f"{says}: mixtune resume long" in text or not says
        if stop in (_ctrl_c, _sigterm):
            assert f"{len(before)} of {TRIALS} trials" in text
            assert text.rstrip().splitlines()[-1] == "Resume with: mixtune resume long"
        words = ("resume", "long")
    running = [record for record in records(place) if record.state is TrialState.RUNNING]
    assert running, "the driver that was killed had no time to tell their end"
    finishes_with_nothing_lost(place, before, ray_address)
    for record in running:
        assert ended(place)[record.number].config == record.config, "run again as it was, under its number"


def test_nohup_is_heeded(place: Path, ray_address: str) -> None:
    """A hang-up that was ignored when the program began stays ignored."""
    shorter(place, 10)
    program = Program(place, "launch", "study.yaml", prefix=("nohup",), ray=ray_address)
    program.wait_for(finished=4)
    program.process.send_signal(signal.SIGHUP)
    text = program.output()
    assert program.process.returncode == 0, text
    assert len(ended(place)) == 10


def test_a_time_budget_ends_in_order(place: Path, ray_address: str) -> None:
    trials = 20
    slow = LONG.replace("seconds: 0.1", "seconds: 0.75")  # so that some, and not all, end in time on any machine
    slow = slow.replace(f"trials: {TRIALS}", f"trials: {trials}")
    (place / "study.yaml").write_text(slow.replace("pruner: none", f"pruner: none, timeout_hours: {20 / 3600}"))
    launched = Program(place, "launch", "study.yaml")
    text = launched.output()
    assert launched.process.returncode == 0, text
    before = ended(place)
    assert 0 < len(before) < trials
    assert "The study stopped: its time, 20 s (search.timeout_hours), is over." in text
    assert "Resume with: mixtune resume long" in text
    (place / "study.yaml").write_text(slow)
    refused = Program(place, "resume", "long", "--study", "study.yaml")
    text = refused.output()
    assert refused.process.returncode == 1
    assert f"search.timeout_hours: {20 / 3600} in the study, None in the file" in text
    assert "mixtune resume long --study FILE --allow" in text
    finishes_with_nothing_lost(place, before, ray_address, "--study", "study.yaml", "--allow", trials=trials)


def test_a_confirmation_goes_on_after_kill_9(place: Path, ray_address: str) -> None:
    file = place / "study.yaml"
    file.write_text(file.read_text().replace("confirm: {best: 0}", "confirm: {best: 2, seeds: 3}"))
    shorter(place, 12)
    program = Program(place, "launch", "study.yaml")
    program.wait_for_text("Confirming")
    program.wait_for(finished=2)
    program.kill()
    _, before, _ = find("long", place / "runs")
    finished = [record for record in before.confirmation if record.state in _FINISHED]
    assert len(finished) >= 2
    text = Program(place, "resume", "long", ray=ray_address).output()
    assert "On questions that the search never saw" in text, text
    _, after, _ = find("long", place / "runs")
    assert len(after.records) == 12
    assert all(record.state is TrialState.COMPLETE for record in after.confirmation)
    assert [record for record in after.confirmation if record.number in {old.number for old in finished}] == finished
    configurations = [record.config.fingerprint for record in after.confirmation]
    assert len(set(configurations)) == len(configurations), "nothing is run twice"
