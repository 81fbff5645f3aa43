"""A study that another program has renamed, and a study that this user may only read."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from search.runner import LocalRunner
from search.storage import sqlite_file
from studies.cli.commands import status
from studies.run.launch import prepare_launch, prepare_resume
from studies.storage.finding import find, names_in
from studies.storage.places import default_url, resume_command
from studies.storage.store import open_store
from tests.support.launching import spec_for
from tests.support.refusals import refused


def _renamed(library: Path, runs: Path, **fields: object) -> Path:
    """A study that was launched as `small`, run, and renamed to `large`; its folder."""
    ready = prepare_launch(spec_for(library, **fields), runs)
    ready.run(lambda *_: LocalRunner(), lambda _: None)
    ready.store.close()
    database = sqlite_file.file_of(ready.store.url)
    assert database is not None
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE studies SET study_name = 'large' WHERE study_name = 'small'")
    connection.close()
    return ready.folder


def test_a_renamed_study_goes_by_its_new_name(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    folder = _renamed(library, runs)
    found = find("large", runs)
    assert (found.study.spec.name, found.study.launched_as, found.folder) == ("large", "small", folder)
    assert names_in(runs) == ["large"]
    status(runs=runs)
    assert "large: " in capsys.readouterr().out
    with refused("study-renamed", "mixtune status large"):
        find("small", runs)


def test_a_renamed_study_goes_on_with_its_confirmation(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    _renamed(library, runs)
    before = find("large", runs).study
    ready = prepare_resume("large", runs, trials=len(before.records) + 2)
    ready.run(lambda *_: LocalRunner(), lambda _: None)
    after = find("large", runs).study
    assert len(after.records) == len(before.records) + 2
    assert after.launched_as == "small"
    assert {record.number for record in before.confirmation} <= {record.number for record in after.confirmation}


def test_a_renamed_study_in_a_shared_database_keeps_its_folder(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    url = sqlite_file.url_of(tmp_path / "shared.db")
    folder = _renamed(library, runs, storage=url)
    assert find("large", runs, url).folder == folder


def test_a_study_that_is_renamed_while_it_runs_has_one_driver(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    ready = prepare_launch(spec_for(library), runs)
    database = sqlite_file.file_of(ready.store.url)
    assert database is not None
    with ready.store.lease("small").lease():
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE studies SET study_name = 'large'")
        connection.close()
        with refused("study-running", "'large'"):
            prepare_resume("large", runs)
    outcome = prepare_resume("large", runs).run(lambda *_: LocalRunner(), lambda _: None)
    assert outcome.study.spec.name == "large"


@pytest.mark.parametrize("name", ["my study (v2)", "исследование", "a'b"])
def test_a_name_that_only_other_programs_allow_is_found(library: Path, tmp_path: Path, name: str) -> None:
    runs = tmp_path / "runs"
    ready = prepare_launch(spec_for(library), runs)
    database = sqlite_file.file_of(ready.store.url)
    assert database is not None
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE studies SET study_name = ?", (name,))
    connection.close()
    assert names_in(runs) == [name]
    assert find(name, runs).study.spec.name == name
    assert shlex.quote(name) in resume_command(name, ready.store.url, ready.folder)
    ready = prepare_resume(name, runs)
    assert ready.run(lambda *_: LocalRunner(), lambda _: None).study.spec.name == name


def test_an_empty_database_is_a_launch_that_was_cut_off(tmp_path: Path) -> None:
    (tmp_path / "study.db").touch()
    with refused("study-unbegun"):
        open_store(default_url(tmp_path), reading=True)


@pytest.fixture
def runs(library: Path, tmp_path: Path) -> Path:
    """A folder of runs with one study that has ended."""
    ready = prepare_launch(spec_for(library), tmp_path / "runs")
    ready.run(lambda *_: LocalRunner(), lambda _: None)
    ready.store.close()
    return ready.folder.parent


def _take_away_writing(runs: Path) -> None:
    for path in [runs, *runs.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def _obey_permissions() -> None:
    """Take from root the right to write where permissions forbid it; other users have no such right."""
    if os.getuid() == 0:
        drop_from_bounding_set, override, search = 24, 1, 2  # prctl(2), capabilities(7)
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (override, search):
            if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")


def _as_reader(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from studies.cli import main; sys.argv[0] = 'mixtune'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=_obey_permissions,
    )


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_reading_needs_no_right_to_write(runs: Path, tmp_path_factory: pytest.TempPathFactory, killed: bool) -> None:
    """A driver that was killed leaves its log beside the database; a reader sees what stands in it."""
    if killed:
        writer = sqlite3.connect(runs / "small" / "study.db")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("UPDATE studies SET study_name = study_name")
        writer.commit()
        copied = shutil.copytree(runs / "small", runs / "copied")
        writer.close()
        shutil.rmtree(runs / "small")
        copied.rename(runs / "small")
    _take_away_writing(runs)
    out = tmp_path_factory.mktemp("out")
    shown = _as_reader("status", "--runs", str(runs))
    assert "small: " in shown.stdout, shown.stderr
    assert "trials" in shown.stdout
    best = _as_reader("best", "small", "--runs", str(runs))
    assert best.returncode == 0, best.stderr
    report = _as_reader("report", "small", "--runs", str(runs), "--out", str(out / "report"))
    assert report.returncode == 0, report.stderr
    assert (out / "report" / "report.html").is_file()
    resumed = _as_reader("resume", "small", "--runs", str(runs))
    assert resumed.returncode == 1
    assert "Traceback" not in resumed.stderr
    assert f"{str(runs / 'small' / 'study.db')!r}" in resumed.stderr
    assert "--runs" in resumed.stderr


def test_a_database_opened_for_reading_is_not_made(tmp_path: Path) -> None:
    with refused("database-missing", str(tmp_path)):
        open_store(default_url(tmp_path), reading=True)
    assert not list(tmp_path.iterdir())
