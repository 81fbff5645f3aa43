"""SQLite where it is hard for it: each error is one paragraph that says what to do."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from search.storage import sqlite_file
from studies.run.launch import prepare_launch
from studies.storage.finding import find
from studies.storage.store import open_store
from tests.support.launching import launch, local, spec_for
from tests.support.refusals import refused


class Mount(NamedTuple):
    mountpoint: str
    fstype: str


def test_a_network_file_system_is_refused(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [Mount("/", "ext4"), Mount(str(tmp_path / "shared"), "nfs4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)  # noqa: A006
    with refused("database-on-network", "nfs4", str(tmp_path / "shared"), "storage: sqlite:////local"):
        launch(library, tmp_path / "shared" / "runs")
    launch(library, tmp_path / "runs")


def test_a_folder_that_cannot_be_written_is_refused(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an ordinary user meets it: root may write anywhere."""
    launch(library, tmp_path / "runs")
    monkeypatch.setattr("search.storage.sqlite_file.os.access", lambda path, mode: False)
    with refused("database-unwritable", str(tmp_path / "runs"), "--runs"):
        find("small", tmp_path / "runs")


def test_a_damaged_file_is_one_paragraph(library: Path, tmp_path: Path) -> None:
    launch(library, tmp_path / "runs")
    file = tmp_path / "runs" / "small" / "study.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\x00\xff" * ((len(content) - 4096) // 2))
    with refused("database-unusable", "study.db") as caught:
        find("small", tmp_path / "runs")
    assert "\n" not in str(caught.value)


def test_a_locked_database_is_waited_for(library: Path, tmp_path: Path) -> None:
    """Another program holds the write lock for two seconds in the middle of a study."""
    ready = prepare_launch(spec_for(library), tmp_path / "runs")
    other = sqlite3.connect(tmp_path / "runs" / "small" / "study.db", check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def release() -> None:
        other.execute("COMMIT")
        other.close()

    begun = time.monotonic()
    threading.Timer(2, release).start()
    outcome = ready.run(local, lambda _: None)
    assert time.monotonic() - begun > 2
    assert len(outcome.study.records) == 8


def test_two_threads_write_at_once(tmp_path: Path) -> None:
    """As the sampler's thread and the one that takes results in do."""
    import optuna

    store = open_store(sqlite_file.url_of(tmp_path / "study.db"))
    optuna.create_study(storage=store.storage, study_name="busy")
    faults: list[Exception] = []

    def write(name: str) -> None:
        try:
            study = store.open_study("busy")
            for index in range(100):
                study.set_user_attr(f"{name} {index}", index)
        except Exception as error:  # noqa: BLE001  told to the test
            faults.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(store.open_study("busy").user_attrs) == 200


@pytest.mark.parametrize("name", ["plain", "a b", "100%41", "what?", "q?x=1", "#hash", "Книги", "it's", 'say "so"'])
def test_a_database_lies_where_its_folder_is_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    """A question mark in a path began the options of a URL: studies of two folders shared one database."""
    for sub in ("one", "two"):
        folder = tmp_path / name / sub
        url = sqlite_file.url_of(folder / "study.db")
        assert sqlite_file.file_of(url) == folder / "study.db"
        open_store(url).close()
        assert (folder / "study.db").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {name}
