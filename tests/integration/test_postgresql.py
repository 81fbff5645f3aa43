"""Behavior that only a real PostgreSQL shows: leases of drivers, and that no password is written anywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import sqlalchemy

from search.storage import open_storage
from search.storage.kind import StudyStorage
from search.storage.leases import LeasedDriver
from search.storage.postgresql import SharedDriver
from tests.support.databases import DATABASES, NewDatabase, postgresql
from tests.support.refusals import refused
from tests.support.studies import STUDY

CANARY = "canary-7f3a91"


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with DATABASES[request.param](tmp_path) as new:
        yield new()


@pytest.fixture
def storage(url: str) -> Iterator[StudyStorage]:
    opened = open_storage(url)
    yield opened
    opened.close()


def age(storage: StudyStorage, driver: LeasedDriver, seconds: int, machine: str) -> None:
    """Make a driver one of another machine that was last seen so long ago."""
    with storage.optuna.engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("update mixtune_drivers set seen = seen - :s, machine = :m where driver = :d"),
            {"s": seconds, "m": machine, "d": driver.id},
        )


def test_a_driver_is_seen_while_it_runs(storage: StudyStorage) -> None:
    driver = storage.driver("study")
    with driver.lease():
        assert driver.alive_ids() == {driver.id}
        watching = storage.driver("study")
        assert driver.id in watching.alive_ids()
        assert driver.id not in storage.driver("another study").alive_ids()
    assert driver.id not in watching.alive_ids()


def test_a_second_driver_is_refused_on_sqlite_and_joins_elsewhere(storage: StudyStorage) -> None:
    first, second = storage.driver("study"), storage.driver("study")
    with first.lease():
        if issubclass(storage.driver_kind, SharedDriver):
            with second.lease():
                assert first.alive_ids() == second.alive_ids() == {first.id, second.id}
            return
        with refused("study-running", f"process {os.getpid()} on ") as caught, second.lease():
            pass
        assert re.search(r"\b\d+ s\b", str(caught.value)), "its last sign of life"
        assert first.alive_ids() == {first.id}


def test_a_driver_of_another_machine_holds_its_lease_until_it_expires(storage: StudyStorage) -> None:
    gone, heir = storage.driver("study", beat=3600), storage.driver("study", beat=0.1)
    with gone.lease():
        age(storage, gone, 60, "another machine")
        assert gone.id in heir.alive_ids()
        if not issubclass(storage.driver_kind, SharedDriver):
            with refused("study-running") as caught, heir.lease():
                pass
            assert re.search(r"\b6[0-9] s\b", str(caught.value)), "its last sign of life"
        age(storage, gone, 60, "another machine")
        assert gone.id not in heir.alive_ids()
        with heir.lease():
            time.sleep(0.5)  # on a server two beats are waited for a sign of life
            assert heir.alive_ids() == {heir.id}


def test_a_driver_whose_place_was_taken_stops(storage: StudyStorage) -> None:
    slow, heir = storage.driver("study", beat=0.1), storage.driver("study")
    with slow.lease():
        with storage.optuna.engine.begin() as connection:
            connection.execute(sqlalchemy.text("delete from mixtune_drivers"))
        with heir.lease():
            time.sleep(0.5)
            with refused("study-taken-over", "'study'"):
                slow.alive_ids()


def test_a_killed_driver_of_this_machine_is_replaced_at_once(storage: StudyStorage, url: str) -> None:
    code = (
        "import sys, time\nfrom search.storage import open_storage\n"
        f"with open_storage({url!r}).driver('study').lease():\n"
        "    print('here', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "here\n"
        driver = storage.driver("study")
        assert len(driver.alive_ids()) == 2
        other.kill()
    with driver.lease():
        assert driver.alive_ids() == {driver.id}


@pytest.mark.ray
def test_no_password_is_written_anywhere(library: Path, tmp_path: Path) -> None:
    """A study on a server that wants a password: it stands in no file, database, log, process title or output."""
    with postgresql(tmp_path / "server") as new, tempfile.TemporaryDirectory() as logs:  # sockets want short paths
        url = _with_password(tmp_path / "server", new)
        titles: list[str] = []
        (tmp_path / "study.yaml").write_text(STUDY.replace("name: quick", f"name: quick\nstorage: {url}"))
        environment = {**os.environ, "PGPASSWORD": CANARY, "RAY_TMPDIR": logs}
        with subprocess.Popen(
            [sys.executable, "-m", "studies.cli", "launch", "study.yaml"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as program:
            assert program.stdout is not None
            output = ""
            for line in program.stdout:
                output += line
                titles += _titles(program.pid)
        assert program.returncode == 0, output
        assert "12 trials" in output
        dumped = _everything(url)
        rays = [path for path in Path(logs).rglob("*") if path.is_file()]
        assert rays, "Ray keeps logs"
        assert not [path for path in rays if CANARY.encode() in path.read_bytes()]
    assert any(title.startswith("ray::") for title in titles)
    assert "randomized" in dumped, "the dump has the study"
    for text in (output, dumped, *titles):
        assert CANARY not in text
    server = tmp_path / "server"
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(server)]
    assert any(path.name == "report.html" for path in files)
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def _titles(process: int) -> Iterator[str]:
    """Names of the process's children."""
    for child in psutil.Process(process).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            yield " ".join(child.cmdline())


def _with_password(folder: Path, new: NewDatabase) -> str:
    """A database whose only user needs the canary as a password."""
    url = new()
    with sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"create role canary_user login superuser password '{CANARY}'")
        rules = folder / "pg_hba.conf"
        rules.write_text("local all canary_user scram-sha-256\n" + rules.read_text())
        connection.exec_driver_sql("select pg_reload_conf()")
    connection.engine.dispose()
    return url.replace("postgres@", "canary_user@")


def _everything(url: str) -> str:
    """All rows of all tables."""
    engine = sqlalchemy.create_engine(url.replace("canary_user@", "postgres@"))
    tables = sqlalchemy.MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        found = "\n".join(str(row) for table in tables.sorted_tables for row in connection.execute(table.select()))
    engine.dispose()
    return found
