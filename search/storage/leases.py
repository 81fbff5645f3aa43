"""Leases of drivers, one row each in the study's database, so that a dead driver does not lock a study forever."""

from __future__ import annotations

import os
import shlex
import socket
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime

import psutil
import sqlalchemy
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from search.storage.lease_table import DRIVERS, NOW, LeaseRow, describe, look, make_table, rows_of
from search.storage.liveness import Liveness, machine
from search.storage.reconnecting import persistently
from spaces import InputError

LEASE = 90.0
"""Seconds without a heartbeat after which a driver on another machine counts as dead."""
HEARTBEAT = 15.0
"""Seconds between heartbeats."""
_EXPIRY = 86_400
"""Seconds without a heartbeat after which a driver is removed from the table."""


class LeasedDriver(ABC):
    """A driver that is visible to other drivers, on this machine and on others.

    A driver on this machine is alive if its process is; others are judged by their last heartbeat. Times are those of
    the database, so the clocks of machines need not agree. If the database's clock was changed, or the database was
    unreachable, no driver counts as dead until this one has observed no heartbeat of that driver for a whole lease.
    """

    def __init__(self, engine: Engine, study: str, name: str, lease: float = LEASE, beat: float = HEARTBEAT) -> None:
        """Create a driver of a study; the method `lease` takes the lease.

        Args:
            engine: engine of the database.
            study: key of the study in the database, independent of its name.
            name: name of the study in messages.
            lease: seconds without a heartbeat after which a driver on another machine counts as dead.
            beat: seconds between heartbeats.
        """
        self.id = uuid.uuid4().hex
        self._engine = engine
        self._study = study
        self._name = name
        self._lease = lease
        self._beat = beat
        self._lost = threading.Event()
        self._liveness = Liveness(lease)

    @property
    @abstractmethod
    def _slot(self) -> str:
        """Slot that the driver takes; a slot has one driver at a time."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """Exclude all other drivers of the study from such a block while this one runs."""

    def refuse_taken(self) -> None:  # noqa: B027  drivers that share a study do not refuse others
        """Check that the study can be run now, before any expensive preparation.

        Raises:
            InputError: another driver has the only slot.
        """

    def _replaceable(self) -> set[str]:
        """Return the ids of the drivers whose slots this driver may take when it enters."""
        return set()

    def _meet(self, row: LeaseRow, now: int, replaceable: set[str]) -> bool:
        """Whether this driver removes the row of another driver when it enters.

        Raises:
            InputError: the other driver does not allow this one.
        """
        return False

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the lease while the block runs, and release it afterwards.

        Raises:
            InputError: another driver holds the lease.
        """
        make_table(self._engine)
        self._enter()
        over = threading.Event()
        heartbeats = threading.Thread(target=self._send_heartbeats, args=(over,), name="mixtune-lease", daemon=True)
        heartbeats.start()
        try:
            yield
        finally:
            over.set()
            heartbeats.join()
            with suppress(SQLAlchemyError):  # a lease that cannot be released expires
                self._leave()

    def alive_ids(self) -> frozenset[str]:
        """Return the ids of the drivers that run the study now, including this one.

        Raises:
            InputError: another driver has taken this one's slot.
        """
        if self._lost.is_set():
            raise InputError(
                f"Another mixtune has taken over the study {self._name!r}, because this one sent no heartbeat for "
                f"{self._lease:.0f} s. Nothing is lost; the other one continues.",
                code="study-taken-over",
            )
        now, rows = persistently(self._look)
        if any(row.driver == self.id and now - row.seen > self._lease / 2 for row in rows):
            # This driver's own heartbeat is late too: the clock was changed, or the database was unreachable.
            self._liveness.doubt_for(self._lease)
        return frozenset({self.id, *(row.driver for row in rows if not self._liveness.is_dead(row, now))})

    def others(self) -> list[str]:
        """Return descriptions of the other drivers that run the study now."""
        if not self._has_table():
            return []
        now, rows = self._look()
        return [describe(row) for row in rows if row.driver != self.id and not self._liveness.is_dead(row, now)]

    def _enter(self) -> None:
        replaceable = self._replaceable()
        with self._engine.begin() as connection:
            self._make_room(connection, replaceable)
            try:
                connection.execute(DRIVERS.insert().values(self._row()))
            except IntegrityError as error:
                raise InputError(
                    f"Another mixtune started to run the study {self._name!r} at the same time. Wait for it.",
                    code="study-running",
                ) from error

    def _make_room(self, connection: Connection, replaceable: set[str]) -> None:
        now, rows = rows_of(connection, self._study)
        for row in rows:
            if now - row.seen > _EXPIRY or self._meet(row, now, replaceable):
                connection.execute(DRIVERS.delete().where(DRIVERS.c.driver == row.driver))

    def _row(self) -> dict[str, object]:
        return {
            "study": self._study,
            "slot": self._slot,
            "driver": self.id,
            "host": socket.gethostname(),
            "machine": machine(),
            "process": os.getpid(),
            "process_began": psutil.Process().create_time(),
            "began": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
            "seen": NOW,
        }

    def _leave(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(DRIVERS.delete().where(DRIVERS.c.driver == self.id))

    def _send_heartbeats(self, over: threading.Event) -> None:
        """Send heartbeats; if the database does not answer, try again at the next one."""
        update = DRIVERS.update().where(DRIVERS.c.driver == self.id).values(seen=NOW)
        while not over.wait(self._beat):
            try:
                with self._engine.begin() as connection:
                    if connection.execute(update).rowcount == 0:
                        self._lost.set()
                        return
                    now = connection.execute(sqlalchemy.select(NOW)).scalar_one()
            except SQLAlchemyError:
                continue  # the searcher meets and reports the same error
            self._liveness.compare_clocks(time.monotonic(), now)

    def _look(self) -> tuple[int, list[LeaseRow]]:
        return look(self._engine, self._study)

    def _has_table(self) -> bool:
        return sqlalchemy.inspect(self._engine).has_table(DRIVERS.name)

    def _taken(self, row: LeaseRow, now: int) -> InputError:
        return InputError(
            f"The study {self._name!r} is being run by another mixtune: {describe(row)}. Wait for it, or stop it there "
            f"with Ctrl-C; `mixtune status {shlex.quote(self._name)}` shows its progress. Its last heartbeat was "
            f"{max(0, now - row.seen)} s ago; if that machine is gone, the study is free {self._lease:.0f} s after "
            "the last heartbeat.",
            code="study-running",
        )
