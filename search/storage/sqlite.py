"""SQLite: a file on a local disk, where each study is run by one program at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from optuna.storages import RDBStorage

from search.storage import sqlite_file
from search.storage.kind import StudyStorage
from search.storage.lease_table import LeaseRow
from search.storage.leases import LeasedDriver
from search.storage.liveness import machine
from spaces import InputError
from spaces.paths import beside


class SoleDriver(LeasedDriver):
    """The only driver of a study; a second one is refused as long as the first is alive."""

    _watched: dict[str, int] | None = None  # drivers with a heartbeat in the future that did not change

    @property
    def _slot(self) -> str:
        return "only"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        yield

    def refuse_taken(self) -> None:
        if not self._has_table():
            return
        replaceable = self._replaceable()
        now, rows = self._look()
        for row in rows:
            self._meet(row, now, replaceable)

    def _meet(self, row: LeaseRow, now: int, replaceable: set[str]) -> bool:
        if row.driver not in replaceable:
            raise self._taken(row, now)
        return True

    def _replaceable(self) -> set[str]:
        """Return the ids of dead drivers, after watching drivers with a heartbeat in the future for two beats.

        Such a heartbeat was sent before the database's clock was set back.
        """
        now, rows = self._look()
        doubtful = {row.driver: row.seen for row in rows if row.seen > now + self._beat and row.machine != machine()}
        watched = self._watched or {}
        if doubtful.keys() - watched.keys():
            time.sleep(2 * self._beat)
            watched = {row.driver: row.seen for row in self._look()[1] if doubtful.get(row.driver) == row.seen}
            self._watched = watched
        silent = {row.driver for row in rows if watched.get(row.driver) == row.seen}
        return silent | {row.driver for row in rows if self._liveness.is_dead(row, now)}


class SqliteStorage(StudyStorage):
    """Studies in an SQLite file."""

    example = "sqlite:////disk/study.db"
    driver_kind = SoleDriver

    def __init__(self, url: str) -> None:
        parts = sqlalchemy.make_url(url)
        if parts.drivername != "sqlite":
            raise InputError(
                f"the database URL must begin with sqlite://, without another driver, such as {self.example}; got "
                f"{parts.drivername}",
                code="database-of-other-kind",
            )
        if not parts.database:
            raise InputError(f"the database URL must name a file, such as {self.example}", code="url-without-file")
        super().__init__(url)

    def beside(self, folder: Path) -> str:
        file = sqlite_file.file_of(self.url)
        return self.url if file.is_absolute() else sqlite_file.url_of(beside(file, folder))

    def _connect(self, *, reading: bool) -> RDBStorage:
        file = sqlite_file.file_of(self.url)
        if reading:
            return sqlite_file.storage_at(sqlite_file.reading_url(file))
        sqlite_file.prepare(file)
        storage = sqlite_file.storage_at(self.url)
        sqlite_file.relax(storage.engine)
        return storage

    def advice(self, error: Exception) -> str:
        return (
            "Check that the folder is writable, that the disk has space and that the file is a database, or name "
            "another place with `storage:` in the study file."
        )
