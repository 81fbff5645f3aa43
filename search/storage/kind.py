"""Contract of a kind of database."""

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
    """Example URL of this kind, for messages."""
    driver_kind: ClassVar[type[LeasedDriver]]
    """Class of the drivers, which decides whether one program runs a study or several share it."""
    missing_driver: ClassVar[str] = "Install the driver that its URL names."
    """Advice for the case that the Python package of the database's driver is missing."""

    def __init__(self, url: str) -> None:
        """Store the URL of the database, which has no password; `open` connects.

        Raises:
            InputError: the URL does not name a database of this kind.
        """
        self.url = url
        self._optuna: RDBStorage | None = None

    def beside(self, folder: Path) -> str:
        """Return the URL with a relative path resolved against `folder`, the folder of the study file."""
        return self.url

    @abstractmethod
    def _connect(self, *, reading: bool) -> RDBStorage:
        """Connect and return Optuna's storage; read-only if `reading` and the kind supports that."""

    @abstractmethod
    def advice(self, error: Exception) -> str:
        """Return sentences on what a user can do about an error of the database."""

    def unreachable(self, error: Exception) -> bool:
        """Whether an error means that the database cannot be reached, rather than that a request was refused."""
        return False

    def open(self, *, reading: bool = False) -> StudyStorage:
        """Connect to the database; a missing file is created unless `reading`.

        Raises:
            InputError: the database cannot be opened.
        """
        with self.explained(OSError):
            self._optuna = self._connected(reading=reading)
        return self

    @property
    def optuna(self) -> RDBStorage:
        """Optuna's storage in the open database."""
        if self._optuna is None:
            raise RuntimeError(f"The database {shown(self.url)} is used before it is opened.")
        return self._optuna

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self.optuna.remove_session()
        self.optuna.engine.dispose()

    def driver(
        self, study: str, name: str | None = None, *, lease: float = LEASE, beat: float = HEARTBEAT
    ) -> LeasedDriver:
        """Return a driver of a study, which does not hold a lease yet.

        Args:
            study: key of the study in the database, independent of its name.
            name: name of the study in messages; `study` if None.
            lease: seconds without a heartbeat after which a driver on another machine counts as dead.
            beat: seconds between heartbeats.
        """
        return self.driver_kind(self.optuna.engine, study, name or study, lease, beat)

    @contextmanager
    def explained(self, *others: type[Exception]) -> Iterator[None]:
        """Convert errors of the database, and those of the types `others`, into an `InputError` with advice.

        Raises:
            InputError: such an error occurred.
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
        except (RuntimeError, KeyError, alembic.util.CommandError) as error:  # tables of another version or program
            reason = str(error).strip().split("\n", maxsplit=1)[0]
            raise InputError(
                f"The database {shown(self.url)} was created by another version of Optuna than {version('optuna')}, or "
                f"by another program: {reason} Use the version that created it, or name another place with `storage:` "
                "in the study file.",
                code="database-of-other-version",
            ) from error
        except ImportError as error:
            raise InputError(
                f"The study database {shown(self.url)} needs a Python driver that is not installed. "
                f"{self.missing_driver}",
                code="driver-missing",
            ) from error
