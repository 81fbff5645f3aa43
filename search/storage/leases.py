"""Who runs a study: a lease per driver in the study's own database, so that a dead driver locks nothing for ever."""

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

from search.storage.lease_table import DRIVERS, NOW, LeaseRow, look, make_table, rows_of, words
from search.storage.liveness import Liveness, machine
from search.storage.reconnecting import persistently
from spaces import InputError

LEASE = 90.0
"""Seconds after its last heartbeat at which a driver on another machine counts as dead."""
HEARTBEAT = 15.0
"""Seconds between heartbeats."""
_FORGOTTEN = 86_400
"""Seconds after which a driver that gave no heartbeat is left out of the table."""


class LeasedDriver(ABC):
    """A driver that others can see, on this machine and on others.

    Whether a driver lives is told by its process where it is on this machine, else by its last heartbeat.
    Times are the database's: machines need not agree about theirs. Where its clock was set, or it was away, nobody
    counts as dead until this driver has itself seen no heartbeat for the length of a lease.
    """

    def __init__(self, engine: Engine, study: str, name: str, lease: float = LEASE, beat: float = HEARTBEAT) -> None:
        """Say who drives which study; `present` takes the lease.

        Args:
            engine: the database.
            study: what the study is known by in it, whatever it is called.
            name: what the study is called in messages.
            lease: seconds without a heartbeat after which a driver of another machine counts as dead.
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
        """The place that the driver takes; a place has one driver at a time."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """While the block runs, no other driver of the study is in such a block."""

    def refuse_taken(self) -> None:  # noqa: B027  where drivers share a study, none is in the way
        """See that the study can be driven now, before anything expensive is done for it.

        Raises:
            InputError: another driver has the only place.
        """

    def _replaceable(self) -> set[str]:
        """Drivers whose places are given to this one when it enters."""
        return set()

    def _meet(self, row: LeaseRow, now: int, replaceable: set[str]) -> bool:
        """Whether the place of another driver is taken from it.

        Raises:
            InputError: it is in the way.
        """
        return False

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the lease while the block runs, and give it back.

        Raises:
            InputError: another driver has it.
        """
        make_table(self._engine)
        self._enter()
        over = threading.Event()
        pulse = threading.Thread(target=self._live, args=(over,), name="mixtune-lease", daemon=True)
        pulse.start()
        try:
            yield
        finally:
            over.set()
            pulse.join()
            with suppress(SQLAlchemyError):  # a lease that cannot be given back runs out by itself
                self._leave()

    def alive_ids(self) -> frozenset[str]:
        """Ids of the drivers that run the study now, this one included.

        Raises:
            InputError: another driver has taken this one's place.
        """
        if self._lost.is_set():
            raise InputError(
                f"Another mixtune has taken over the study {self._name!r}: this one gave no sign of life for "
                f"{self._lease:.0f} s. Nothing is lost; the other goes on.",
                code="study-taken-over",
            )
        now, rows = persistently(self._look)
        if any(row.driver == self.id and now - row.seen > self._lease / 2 for row in rows):
            # This driver gave no heartbeat either: the clock was set, or the database was away.
            self._liveness.doubt_for(self._lease)
        return frozenset({self.id, *(row.driver for row in rows if not self._liveness.is_dead(row, now))})

    def others(self) -> list[str]:
        """The drivers that run the study now, without this one, in words."""
        if not self._has_table():
            return []
        now, rows = self._look()
        return [words(row) for row in rows if row.driver != self.id and not self._liveness.is_dead(row, now)]

    def _enter(self) -> None:
        replaceable = self._replaceable()
        with self._engine.begin() as connection:
            self._make_room(connection, replaceable)
            try:
                connection.execute(DRIVERS.insert().values(self._row()))
            except IntegrityError as error:
                raise InputError(
                    f"Another mixtune began to run the study {self._name!r} at the same moment. Wait for it.",
                    code="study-running",
                ) from error

    def _make_room(self, connection: Connection, replaceable: set[str]) -> None:
        now, rows = rows_of(connection, self._study)
        for row in rows:
            if now - row.seen > _FORGOTTEN or self._meet(row, now, replaceable):
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

    def _live(self, over: threading.Event) -> None:
        """Give heartbeats; a database that does not answer now is asked again at the next one."""
        mine = DRIVERS.update().where(DRIVERS.c.driver == self.id).values(seen=NOW)
        while not over.wait(self._beat):
            try:
                with self._engine.begin() as connection:
                    if connection.execute(mine).rowcount == 0:
                        self._lost.set()
                        return
                    now = connection.execute(sqlalchemy.select(NOW)).scalar_one()
            except SQLAlchemyError:
                continue  # the searcher meets the same error and says so
            self._liveness.compare_clocks(time.monotonic(), now)

    def _look(self) -> tuple[int, list[LeaseRow]]:
        return look(self._engine, self._study)

    def _has_table(self) -> bool:
        return sqlalchemy.inspect(self._engine).has_table(DRIVERS.name)

    def _taken(self, row: LeaseRow, now: int) -> InputError:
        return InputError(
            f"The study {self._name!r} is being run by another mixtune: {words(row)}. Wait for it, or stop it there "
            f"with Ctrl-C; `mixtune status {shlex.quote(self._name)}` shows how far it is. It gave its last sign of "
            f"life {max(0, now - row.seen)} s ago; if that machine is gone, the study is free {self._lease:.0f} s "
            "after it.",
            code="study-running",
        )
