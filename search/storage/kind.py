"""The contract of a kind of database."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import alembic.util
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage

from search.storage.leases import HEARTBEAT, LEASE, LeasedDriver
from search.storage.urls import shown
from spaces import InputError


class StudyStorage(ABC):
    """A database that holds studies: Optuna's tables, and the leases of the programs that run them."""

    example: ClassVar[str]
    """A URL of this kind, for messages."""
    driver_kind: ClassVar[type[LeasedDriver]]
    """Whether one program runs a study, or several share it."""
    missing_driver: ClassVar[str] = "Install the driver that its URL names."
    """What to do where the Python package is missing that speaks to the database."""

    def __init__(self, url: str) -> None:
        """Name the database, by a URL without a password; `open` connects to it.

        Raises:
            InputError: the URL names no database of this kind.
        """
        self.url = url
        self._optuna: RDBStorage | None = None

    def beside(self, folder: Path) -> str:
        """The URL, where one in a study file that lies in `folder` means another place."""
        return self.url

    @abstractmethod
    def _connect(self, *, reading: bool) -> RDBStorage:
        """Optuna's storage in the database; `reading`: without any right to write, where the kind knows such a way."""

    @abstractmethod
    def advice(self, error: Exception) -> str:
        """Sentences that say what a user can do about an error of the database."""

    def unreachable(self, error: Exception) -> bool:
        """Whether an error says that the database is out of reach, rather than that it refuses."""
        return False

    def open(self, *, reading: bool = False) -> StudyStorage:
        """Connect; a database in a file is made where there is none, except for reading.

        Raises:
            InputError: it cannot be opened.
        """
        with self.explained(OSError):
            self._optuna = self._connected(reading=reading)
        return self

    @property
    def optuna(self) -> RDBStorage:
        """Optuna's storage in the database, once it is open."""
        if self._optuna is None:
            raise RuntimeError(f"The database {shown(self.url)} is used before it is opened.")
        return self._optuna

    def close(self) -> None:
        """Close the connections; the next use opens others."""
        self.optuna.remove_session()
        self.optuna.engine.dispose()

    def driver(
        self, study: str, name: str | None = None, *, lease: float = LEASE, beat: float = HEARTBEAT
    ) -> LeasedDriver:
        """A driver of a study, which may take its lease.

        Args:
            study: what the study is known by in the database, whatever it is called.
            name: what it is called in messages; `study` where none is given.
            lease: seconds without a heartbeat after which a driver of another machine counts as dead.
            beat: seconds between heartbeats.
        """
        return self.driver_kind(self.optuna.engine, study, name or study, lease, beat)

    @contextmanager
    def explained(self, *others: type[Exception]) -> Iterator[None]:
        """Turn an error of the database, or one of `others`, into a paragraph.

        Raises:
            InputError: there was such an error.
        """
        errors: tuple[type[Exception], ...] = (
            sqlalchemy.exc.SQLAlchemyError,
            sqlite3.Error,
            StorageInternalError,
            *others,
        )
        try:
            yield
        except errors as error:
            reason = str(getattr(error, "orig", None) or error.__cause__ or error).strip().split("\n", maxsplit=1)[0]
            raise InputError(
                f"The study database {shown(self.url)} cannot be used: {reason}. {self.advice(error)}",
                code="database-unreachable" if self.unreachable(error) else "database-unusable",
            ) from error

    def _connected(self, *, reading: bool) -> RDBStorage:
        try:
            return self._connect(reading=reading)
        except (RuntimeError, KeyError, alembic.util.CommandError) as error:  # tables of another version, or program
            reason = str(error).strip().split("\n", maxsplit=1)[0]
            raise InputError(
                f"The database {shown(self.url)} was made by another version of Optuna than {version('optuna')}, or "
                f"by another program: {reason} Use the version that made it, or name another place with `storage:` "
                "in the study file.",
                code="database-of-other-version",
            ) from error
        except ImportError as error:
            raise InputError(
                f"The study database {shown(self.url)} needs a Python driver that is not installed. "
                f"{self.missing_driver}",
                code="driver-missing",
            ) from error
