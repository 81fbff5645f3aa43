"""The command line, called as a user calls it; the objective is synthetic and Ray is not used."""

from __future__ import annotations

import html
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import optuna
import pytest

from studies.demo.library import write_demo
from studies.storage.store import open_store
from tests.support.commands import call, fails
from tests.support.studies import STUDY
from tests.support.texts import write_library


@pytest.fixture
def place(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a library and a study file, and the place where commands run."""
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `runs` after a launch of the study of `place`."""
    folder = tmp_path_factory.mktemp("launched")
    write_library(folder / "library")
    (folder / "study.yaml").write_text(STUDY)
    with chdir(folder):
        assert call("launch", "study.yaml", "--local").exit_code == 0
    return folder / "runs"


@pytest.fixture
def launched(place: Path, finished_runs: Path) -> Path:
    """The place after the launch, for what comes then; a study's folder may be copied."""
    shutil.copytree(finished_runs, place / "runs")
    return place


def test_a_study_from_launch_to_report(place: Path) -> None:
    (place / "study.yaml").write_text(STUDY.replace("trials: 12", "trials: 40"))
    launched = call("launch", "study.yaml", "--local")
    assert launched.exit_code == 0, launched.output
    assert "[40/40]" in launched.output
    assert "Training on alpha makes the score better; training on beta makes it worse." in launched.output
    assert "runs/quick/report/report.html" in launched.output
    assert (place / "runs" / "quick" / "report" / "report.html").is_file()
    status = call("status", "quick")
    assert "quick: 40 of 40 trials" in status.output
    assert call("status").output == status.output
    best = call("best", "quick")
    assert "learning rate" in best.output
    report = call("report", "quick")
    assert "alpha" in report.output
    assert call("resume", "quick", "--trials", "44", "--local").exit_code == 0
    assert "44 of 44 trials" in call("status", "quick").output


def test_a_report_that_watches_ends_with_the_study(launched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody runs the study the page loads itself again; the last page does not."""
    store = open_store(f"sqlite:///{launched / 'runs' / 'quick' / 'study.db'}")
    spec = store.load("quick").spec
    more = spec.model_copy(update={"search": spec.search.model_copy(update={"trials": 13})})
    store.update("quick", more)
    page = launched / "runs" / "quick" / "report" / "report.html"
    seen: list[bool] = []

    def asleep(seconds: float) -> None:
        assert seconds == 7
        seen.append('http-equiv="refresh" content="7"' in page.read_text(encoding="utf-8"))
        store.update("quick", spec)  # the study ends

    monkeypatch.setattr("time.sleep", asleep)
    with store.lease("quick").lease():
        watched = call("report", "quick", "--watch", "7")
    assert watched.exit_code == 0, watched.output
    assert seen == [True]
    assert "refresh" not in page.read_text(encoding="utf-8")
    store.update("quick", more)
    seen.clear()
    assert call("report", "quick", "--watch", "7").exit_code == 0
    assert seen == [], "nobody runs it"


def test_help_names_every_command(place: Path) -> None:
    text = call("--help").output
    for command in ("demo", "init", "launch", "resume", "status", "report", "best", "export", "train", "apply"):
        assert command in text
        assert call(command, "--help").exit_code == 0


def test_help_loads_neither_torch_nor_ray() -> None:
    code = (
        "import sys; sys.argv = ['mixtune', '--help']\n"
        "from studies.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "loaded = {'torch', 'ray', 'transformers', 'seaborn', 'pandas', 'lm_eval'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_status_without_studies_says_how_to_begin(place: Path) -> None:
    assert "mixtune demo" in call("status").output


def test_init_writes_a_file_that_launches(place: Path) -> None:
    (place / "study.yaml").unlink()
    done = call("init", "library", "--heldout", "gamma")
    assert "Wrote study.yaml for 4 texts" in done.output
    assert "mixtune launch study.yaml" in done.output
    assert 'text: "gamma"' in (place / "study.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "code", "data"),
    [
        (("launch", "stdy.yaml"), "file-unreadable", "'study.yaml'"),
        (("resume", "nothing"), "study-unknown", "'runs'"),
        (("report", "nothing"), "study-unknown", "'nothing'"),
        (("init", "nowhere", "--out", "new.yaml"), "folder-missing", "'nowhere'"),
    ],
)
def test_an_error_is_one_paragraph(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: str,
    data: str,
) -> None:
    assert data in fails(capsys, monkeypatch, *words, code=code)


def test_a_taken_name_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Launched here, not copied: a file that names another library is refused for that."""
    assert call("launch", "study.yaml", "--local").exit_code == 0
    said = fails(capsys, monkeypatch, "launch", "study.yaml", "--local", code="name-taken")
    assert "mixtune resume quick" in said


def test_a_study_that_stops_itself_has_an_exit_status(place: Path) -> None:
    (place / "study.yaml").write_text(STUDY.replace("noise: 0.01", "noise: 0.01\n  failures: 1"))
    done = call("launch", "study.yaml", "--local")
    assert done.exit_code == 1
    assert "3 trials" in done.output
    assert "mixtune resume quick" in done.output


def test_best_and_export_without_a_complete_trial(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "study.yaml").write_text(STUDY.replace("noise: 0.01", "noise: 0.01\n  failures: 1"))
    call("launch", "study.yaml", "--local")
    for words in (("best", "quick"), ("export", "quick", "--out", "out")):
        assert "mixtune resume quick" in fails(capsys, monkeypatch, *words, code="no-trial-complete")


def test_export_of_a_trial_without_adapter(
    launched: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    export = ("export", "quick", "--out", "out")
    assert "'quick'" in fails(capsys, monkeypatch, *export, "--trial", "1", code="no-adapter")
    (launched / "out").mkdir()
    assert "'out'" in fails(capsys, monkeypatch, *export, code="path-taken")


@contextmanager
def running(file: Path, name: str) -> Iterator[None]:
    """Another driver of the study in that file."""
    store = open_store(f"sqlite:///{file}")
    optuna.create_study(storage=store.storage, study_name=name, direction="maximize", load_if_exists=True)
    with store.lease(name).lease():
        yield


@pytest.mark.parametrize("command", ["resume", "status", "report", "best", "export"])
def test_a_name_cannot_leave_its_folder(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    options = ["--out", "adapter"] if command == "export" else []
    assert "'../quick'" in fails(capsys, monkeypatch, command, "../quick", *options, code="study-name-malformed")


@pytest.mark.parametrize(
    "line",
    [
        "storage: postgresql+psycopg://u:canary@h/d",
        "storage: postgresql+psycopg://u:ca@nary-canary@h/d",
        "storage: postgresql+psycopg://u@h/d?password=canary",
        "storage: postgresql+psycopg://u@h/d?sslpassword=canary",
        "artifacts: s3://key:canary@bucket/folder",
    ],
)
def test_a_password_in_a_study_file_is_refused_and_not_repeated(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (place / "study.yaml").write_text(STUDY.replace("name: quick", f"name: quick\n{line}"))
    field, url = line.split(": ", maxsplit=1)
    launch = ("launch", "study.yaml", "--local")
    assert "canary" not in fails(capsys, monkeypatch, *launch, code="url-holds-password", line=2, field=field)
    if field == "storage":
        status = ("status", "quick", "--storage", url)
        assert "canary" not in fails(capsys, monkeypatch, *status, code="url-holds-password")


def test_two_programs_do_not_run_one_study(
    launched: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(launched / "runs" / "quick" / "study.db", "quick"):
        message = fails(capsys, monkeypatch, "resume", "quick", "--trials", "14", "--local", code="study-running")
        told = call("status", "quick").output
        assert "12 of 12" in told, "the refused program changed nothing"
        assert f"process {os.getpid()} on " in told
    assert f"process {os.getpid()} on {socket.gethostname()}" in message
    assert call("resume", "quick", "--trials", "14", "--local").exit_code == 0


def test_fewer_trials_than_there_are_is_refused(
    launched: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = fails(capsys, monkeypatch, "resume", "quick", "--trials", "5", "--local", code="trials-below-done")
    assert re.search(r"\b12\b.*\b5\b", said)
    assert "12 of 12" in call("status", "quick").output


def test_the_hint_to_go_on_works_where_it_is_given(place: Path) -> None:
    path = place / "study.yaml"
    path.write_text(
        STUDY.replace("trials: 12", "trials: 9, max_consecutive_failures: 3").replace("noise: 0.01", "failures: 1")
    )
    stopped = call("launch", "study.yaml", "--local", "--runs", "else where")
    assert stopped.exit_code == 1
    assert "mixtune resume quick --runs 'else where'" in stopped.output
    assert "3 of 9" in call("status", "quick", "--runs", "else where").output


@pytest.mark.parametrize("name", ["[draft] notes", "a $\\frac$ b", "[/b]", "日本語", "a & <b>"])
def test_any_name_of_a_text_is_shown_as_it_is(place: Path, library: Path, name: str) -> None:
    if "/" in name:
        (library / "[").mkdir()
    (library / f"{name}.txt").write_text(f"a text called {name}")
    launched = call("launch", "study.yaml", "--local")
    assert launched.exit_code == 0, launched.output
    assert name in launched.output
    page = (place / "runs" / "quick" / "report" / "report.html").read_text()
    assert html.escape(name) in page
    assert call("report", "quick").exit_code == 0


def test_files_that_are_not_read_are_told(place: Path, library: Path) -> None:
    (library / "book.epub").write_bytes(b"PK")
    told = call("init", "library", "--out", "x").output
    assert "book.epub" in told
    assert ".txt, .md, .jsonl" in told
    assert "book.epub" in call("launch", "study.yaml", "--local").output


def test_pairs_that_a_failed_trial_takes_from_the_rating_are_told(place: Path) -> None:
    path = place / "study.yaml"
    path.write_text(
        STUDY.replace("noise: 0.01", "failures: 0.2").replace("trials: 12", "trials: 12, max_consecutive_failures: 30")
    )
    launched = call("launch", "study.yaml", "--local")
    assert "left out of the rating, because a trial failed" in launched.output


_STORED = "name: quick\nstorage: "


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "data"),
    [
        ("name: quick", "name: -2024", "string-type", (1, "name"), "-2024"),
        ("name: quick", "name: 'a\x07b'", "not-yaml", (0, ""), ""),
        ("name: quick", "name: quick\nstorage: foo", "url-malformed", (2, "storage"), "sqlite://"),
        ("name: quick", f"{_STORED}mysql+nodriver://u@h/d", "database-of-other-kind", (2, "storage"), "mysql+nodriver"),
        ("name: quick", f"{_STORED}postgresql+psycopg2://u@h/d", "driver-missing", None, "'mixtune[postgres]'"),
        ("name: quick", f"{_STORED}mysql://u:secret@h/d", "url-holds-password", (2, "storage"), "PGPASSWORD"),
        ("noise: 0.01", "tokens: 1", "tokens-below-rungs", (5, "objective"), "1"),
        ("trials: 12", "trials: 12, cpus: 640", "too-few-processors", (9, "search.cpus"), "640"),
        ("trials: 12", "trials: 12, gpus: 2", "too-few-gpus", (9, "search.gpus"), "2"),
    ],
)
def test_what_cannot_run_is_one_paragraph_and_takes_no_name(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    code: str,
    where: tuple[int, str] | None,
    data: str,
) -> None:
    (place / "study.yaml").write_text(STUDY.replace(old, new))
    place_of = dict(zip(("line", "field"), where, strict=True)) if where else {}
    said = fails(capsys, monkeypatch, "launch", "study.yaml", code=code, **place_of)
    assert data in said
    assert "secret" not in said
    (place / "study.yaml").write_text(STUDY.replace("trials: 12", "trials: 2"))
    assert call("launch", "study.yaml", "--local").exit_code == 0, "the name is still free"


@pytest.mark.parametrize("name", [".", "..", "a/b", "", "x" * 65])
def test_a_demo_of_an_impossible_name_touches_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (place / "runs" / "library").mkdir(parents=True)
    (place / "runs" / "precious").write_text("kept")
    fails(capsys, monkeypatch, "demo", "--name", name, "--again", "--local", code="study-name-malformed")
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["library", "precious"]


def test_a_demo_that_is_running_is_not_removed(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_demo(place / "runs" / "demo", "demo", 0)
    with running(place / "runs" / "demo" / "study.db", "demo"):
        fails(capsys, monkeypatch, "demo", "--again", "--local", code="study-running")
    assert (place / "runs" / "demo" / "study.db").is_file()


def test_again_removes_demos_only(
    launched: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (launched / "runs" / "quick" / "library").mkdir()
    fails(capsys, monkeypatch, "demo", "--name", "quick", "--again", "--local", code="name-taken")
    assert "12 of 12" in call("status", "quick").output


def test_one_unreadable_study_does_not_hide_the_others(launched: Path) -> None:
    (launched / "runs" / "broken").mkdir()
    (launched / "runs" / "broken" / "study.db").write_text("not a database")
    status = call("status")
    assert status.exit_code == 0
    assert "broken: " in status.output
    assert "quick: 12 of 12" in status.output
