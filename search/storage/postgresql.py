"""PostgreSQL: a server for several machines, where any number of programs can share a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from search.storage.kind import StudyStorage
from search.storage.leases import LeasedDriver
from search.storage.reconnecting import PersistentStorage, connection_lost, persistently
from spaces.trial import fingerprint


class SharedDriver(LeasedDriver):
    """One of any number of drivers that share a study."""

    @property
    def _slot(self) -> str:
        return self.id

    def _enter(self) -> None:
        super()._enter()
        self._liveness.doubt_for(2 * self._beat)  # time for live drivers to send a heartbeat if the server was down

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        connection = persistently(self._locked)
        try:
            yield
        finally:
            with connection, _ignoring_lost_connection():
                connection.commit()

    def _locked(self) -> sqlalchemy.Connection:
        """Return a connection that holds the study's lock until its transaction ends."""
        key = int(fingerprint(["mixtune", self._study])[:15], 16)
        connection = self._engine.connect()
        try:
            connection.execute(select(func.pg_advisory_xact_lock(key)))
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def _ignoring_lost_connection() -> Iterator[None]:
    """Ignore a lost connection when a lock is released, because the server has then already released the lock."""
    try:
        yield
    except SQLAlchemyError as error:
        if not connection_lost(error):
            raise


class PostgresqlStorage(StudyStorage):
    """Studies on a PostgreSQL server, with retries while the server is unreachable."""

    example = "postgresql+psycopg://user@host/database"
    driver_kind = SharedDriver
    missing_driver = "For PostgreSQL: write postgresql+psycopg://… and pip install 'mixtune[postgres]'."

    def _connect(self, *, reading: bool) -> RDBStorage:
        return PersistentStorage(self.url, engine_kwargs={"pool_pre_ping": True})

    def unreachable(self, error: Exception) -> bool:
        return connection_lost(error)

    def advice(self, error: Exception) -> str:
        if self.unreachable(error):
            return (
                "Check that the server runs and can be reached from this machine, and that user, host and database "
                "in the URL are right; a password belongs in PGPASSWORD or ~/.pgpass."
            )
        return "Check that the user in the URL may create and write tables there, and that the server's disk has space."
