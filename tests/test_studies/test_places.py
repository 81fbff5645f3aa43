"""Where studies lie: databases elsewhere are remembered, foreign ones explained, running studies told at once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from search.storage import sqlite_file
from studies.cli.commands import status
from studies.run import launch
from studies.run.launch import prepare_launch, prepare_resume
from studies.storage.finding import find
from studies.storage.places import default_url, studies_in, url_in
from studies.storage.store import open_store
from tests.support.launching import spec_for
from tests.support.refusals import refused


def test_a_study_in_another_database_is_found_from_its_folder(library: Path, tmp_path: Path) -> None:
    url = sqlite_file.url_of(tmp_path / "elsewhere" / "shared.db")
    runs = tmp_path / "runs"
    prepare_launch(spec_for(library, storage=url), runs)
    assert url_in(runs / "small") == url
    assert studies_in(runs) == ["small"]
    assert find("small", runs)[0].url == url
    ready = prepare_resume("small", runs)
    assert ready.store.url == url


def _foreign(kind: str, path: Path) -> None:
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as database:
        if kind == "newer optuna":
            open_store(sqlite_file.url_of(path)).close()
            database.execute("UPDATE version_info SET schema_version = 99")
        elif kind == "mlflow":
            database.execute("CREATE TABLE experiments (experiment_id INTEGER, name TEXT)")
            database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            database.execute("INSERT INTO alembic_version VALUES ('451aebb31d03')")
    database.close()


@pytest.mark.parametrize(
    ("kind", "code"),
    [("newer optuna", "study-unknown"), ("mlflow", "database-of-other-version"), ("empty", "study-unknown")],
)
def test_a_database_of_another_program_hides_no_study(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, code: str
) -> None:
    runs = tmp_path / "runs"
    _foreign(kind, runs / "foreign" / "study.db")
    prepare_launch(spec_for(library), runs)
    with refused(code, "foreign"):
        find("foreign", runs)
    status(runs=runs)
    shown = capsys.readouterr().out
    assert "foreign: " in shown
    assert "small: 0 of" in shown


def test_a_running_study_is_told_before_anything_is_checked(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took 97 seconds of checks to be told so."""
    runs = tmp_path / "runs"
    prepare_launch(spec_for(library), runs)

    def never(*_: object) -> None:
        raise AssertionError("the texts were read before the lease was looked at")

    store = open_store(default_url(runs / "small"))
    with store.lease("small").lease():
        monkeypatch.setattr(launch, "scan", never)
        for resumed in (True, False):
            with refused("study-running", "mixtune status small") as caught:
                prepare_resume("small", runs) if resumed else prepare_launch(spec_for(library), runs)
            assert "mixtune resume" not in str(caught.value)
