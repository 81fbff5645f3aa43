"""Who runs a study: a lease per driver in the study's own database, so that a dead driver locks nothing for ever."""

from __future__ import annotations

import math
import os
import shlex
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

import psutil
import sqlalchemy
from sqlalchemy import BigInteger, Column, Engine, Float, MetaData, Row, String, Table, func, select
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from search.reconnecting import connection_lost, persistently
from spaces import InputError
from spaces.trial import fingerprint

LEASE = 90.0
"""Seconds after its last sign of life at which a driver on another machine counts as dead."""
_BEAT = 15.0
"""Seconds between signs of life."""
_FORGOTTEN = 86_400
"""Seconds after which a driver that gave no sign of life is left out of the table."""
_ONLY = "only"
_DRIVERS = Table(
    "mixtune_drivers",
    MetaData(),
    Column("study", String(512), primary_key=True),
    Column("slot", String(32), primary_key=True),  # one for all where the database allows one driver only
    Column("driver", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("machine", String(255), nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("process_began", Float(53), nullable=False),
    Column("began", String(32), nullable=False),
    Column("seen", BigInteger, nullable=False),
)


class Driver(Protocol):
    """One program that runs trials of a study, as its searcher sees it."""

    @property
    def id(self) -> str:
        """Differs between any two drivers that ever were."""
        ...

    def living(self) -> frozenset[str]:
        """Ids of the drivers that run the study now, this one included."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """While the block runs, no other driver of the study is in such a block."""
        ...


class LoneDriver:
    """The only driver of a study, by the word of whoever uses it: tests, and studies in memory."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex

    def living(self) -> frozenset[str]:
        return frozenset({self.id})

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield


class LeasedDriver:
    """A driver that others can see, on this machine and on others.

    SQLite allows one driver a study; a second is refused. PostgreSQL is shared by any number.
    Whether a driver lives is told by its process where it is on this machine, else by its last sign of life.
    Times are the database's: machines need not agree about theirs. Where its clock was set, or it was away, nobody
    counts as dead until this driver has itself seen no sign of life for the length of a lease.
    """

    def __init__(
        self, engine: Engine, study: str, lease: float = LEASE, beat: float = _BEAT, name: str | None = None
    ) -> None:
        """Say who drives which study; `present` takes the lease.

        Args:
            engine: the database.
            study: what the study is known by in it, whatever it is called.
            lease: seconds without a sign of life after which a driver of another machine counts as dead.
            beat: seconds between signs of life.
            name: what the study is called in messages; `study` where none is given.
        """
        self.id = uuid.uuid4().hex
        self._engine = engine
        self._study = study
        self._name = name or study
        self._lease = lease
        self._beat = beat
        self._shared = engine.dialect.name != "sqlite"
        self._slot = self.id if self._shared else _ONLY
        self._lost = threading.Event()
        self._observed: dict[str, tuple[int, float]] = {}  # driver to its last sign of life and when it was first seen
        self._watched: dict[str, int] = {}  # drivers whose sign of life from the future was seen not to change
        self._doubts_end = -math.inf  # until then the database's clock says nothing about other drivers

    @contextmanager
    def present(self) -> Iterator[None]:
        """Hold the lease while the block runs, and give it back.

        Raises:
            InputError: another driver has it.
        """
        _make_table(self._engine)
        self._enter()
        if self._shared:  # the server may just be back: who lives gives a sign of life within two beats
            self._doubts_end = time.monotonic() + 2 * self._beat
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

    def living(self) -> frozenset[str]:
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
            # This driver gave no sign of life either: the clock was set, or the database was away.
            self._doubts_end = time.monotonic() + self._lease
        return frozenset({self.id, *(row.driver for row in rows if not self._is_dead(row, now))})

    def others(self) -> list[str]:
        """The drivers that run the study now, without this one, in words."""
        if not sqlalchemy.inspect(self._engine).has_table(_DRIVERS.name):
            return []
        now, rows = self._look()
        return [_words(row) for row in rows if row.driver != self.id and not self._is_dead(row, now)]

    def refuse_taken(self) -> None:
        """See that the study can be driven now, before anything expensive is done for it.

        Raises:
            InputError: another driver has the only place.
        """
        if self._shared or not sqlalchemy.inspect(self._engine).has_table(_DRIVERS.name):
            return
        dead = self._dead()
        now, rows = self._look()
        for row in rows:
            if row.driver not in dead:
                raise InputError(self._taken(row, now), code="study-running")

    @contextmanager
    def alone(self) -> Iterator[None]:
        if not self._shared:
            yield
            return
        connection = persistently(self._locked)
        try:
            yield
        finally:
            with connection, _unless_lost():
                connection.commit()

    def _locked(self) -> sqlalchemy.Connection:
        """A connection that holds the study's lock until its transaction ends."""
        key = int(fingerprint(["mixtune", self._study])[:15], 16)
        connection = self._engine.connect()
        try:
            connection.execute(select(func.pg_advisory_xact_lock(key)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _enter(self) -> None:
        mine = {
            "study": self._study,
            "slot": self._slot,
            "driver": self.id,
            "host": socket.gethostname(),
            "machine": _machine(),
            "process": os.getpid(),
            "process_began": psutil.Process().create_time(),
            "began": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
            "seen": _NOW,
        }
        dead = self._dead()
        with self._engine.begin() as connection:
            now, rows = self._rows(connection)
            for row in rows:
                if now - row.seen > _FORGOTTEN or (row.driver in dead and not self._shared):
                    connection.execute(_DRIVERS.delete().where(_DRIVERS.c.driver == row.driver))
                elif not self._shared:
                    raise InputError(self._taken(row, now), code="study-running")
            try:
                connection.execute(_DRIVERS.insert().values(mine))
            except IntegrityError as error:
                raise InputError(
                    f"Another mixtune began to run the study {self._name!r} at the same moment. Wait for it.",
                    code="study-running",
                ) from error

    def _leave(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(_DRIVERS.delete().where(_DRIVERS.c.driver == self.id))

    def _live(self, over: threading.Event) -> None:
        """Give signs of life; a database that does not answer now is asked again at the next beat."""
        mine = _DRIVERS.update().where(_DRIVERS.c.driver == self.id).values(seen=_NOW)
        before: tuple[float, int] | None = None
        while not over.wait(self._beat):
            try:
                with self._engine.begin() as connection:
                    if connection.execute(mine).rowcount == 0:
                        self._lost.set()
                        return
                    now = connection.execute(select(_NOW)).scalar_one()
            except SQLAlchemyError:
                continue  # the searcher meets the same error and says so
            before = self._compare_clocks(before, (time.monotonic(), now))

    def _compare_clocks(self, before: tuple[float, int] | None, now: tuple[float, int]) -> tuple[float, int]:
        """Doubt the database's clock for a lease where it was set, or where the database was away for long.

        Args:
            before: this process's seconds and the database's at the last sign of life; None at the first.
            now: the same now; returned.
        """
        if before is not None:
            here, there = now[0] - before[0], now[1] - before[1]
            if here > self._lease / 2 or abs(there - here) > self._lease / 2:
                self._doubts_end = now[0] + self._lease
        return now

    def _look(self) -> tuple[int, list[Row[tuple[object, ...]]]]:
        with self._engine.connect() as connection:
            return self._rows(connection)

    def _rows(self, connection: sqlalchemy.Connection) -> tuple[int, list[Row[tuple[object, ...]]]]:
        """The database's time, and the drivers of the study."""
        now = connection.execute(select(_NOW)).scalar_one()
        return now, list(connection.execute(_DRIVERS.select().where(_DRIVERS.c.study == self._study)))

    def _is_dead(self, row: Row[tuple[object, ...]], now: int) -> bool:
        expired = self._silent(row) > self._lease or bool(now - row.seen > self._lease and self._trusts_clock)
        if row.machine != _machine():
            return expired
        try:
            process = psutil.Process(row.process)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        # Another process may have got the number; but a clock that was set moves the times of living ones, too.
        return expired and abs(process.create_time() - row.process_began) >= 1

    @property
    def _trusts_clock(self) -> bool:
        return time.monotonic() > self._doubts_end

    def _silent(self, row: Row[tuple[object, ...]]) -> float:
        """Seconds, by this process's clock, since this driver saw another one's last sign of life change."""
        seen, since = self._observed.get(row.driver, (None, 0.0))
        if seen != row.seen:
            since = time.monotonic()
            self._observed[row.driver] = row.seen, since
        return time.monotonic() - since

    def _dead(self) -> set[str]:
        """Drivers whose place may be taken; a sign of life from the future is watched for two beats to see it change.

        It was given before the database's clock was set back.
        """
        now, rows = self._look()
        doubtful = {row.driver: row.seen for row in rows if row.seen > now + _BEAT and row.machine != _machine()}
        if doubtful.keys() - self._watched.keys() and not self._shared:  # where others may join, none is in the way
            time.sleep(2 * self._beat)
            self._watched = {row.driver: row.seen for row in self._look()[1] if doubtful.get(row.driver) == row.seen}
        silent = {row.driver for row in rows if self._watched.get(row.driver) == row.seen}
        return silent | {row.driver for row in rows if self._is_dead(row, now)}

    def _taken(self, row: Row[tuple[object, ...]], now: int) -> str:
        return (
            f"The study {self._name!r} is being run by another mixtune: {_words(row)}. Wait for it, or stop it there "
            f"with Ctrl-C; `mixtune status {shlex.quote(self._name)}` shows how far it is. It gave its last sign of "
            "life "
            f"{max(0, now - row.seen)} s ago; if that machine is gone, the study is free {self._lease:.0f} s after it."
        )


@contextmanager
def _unless_lost() -> Iterator[None]:
    """Let go of a lock; the server has let go of it already where the connection was lost."""
    try:
        yield
    except SQLAlchemyError as error:
        if not connection_lost(error):
            raise


def _words(row: Row[tuple[object, ...]]) -> str:
    return f"process {row.process} on {row.host}, since {row.began}"


_NOW = sqlalchemy.cast(sqlalchemy.extract("epoch", func.now()), BigInteger)
"""Seconds since 1970 by the database's clock."""


def _make_table(engine: Engine) -> None:
    try:
        _DRIVERS.metadata.create_all(engine)
    except (IntegrityError, ProgrammingError, OperationalError):  # another driver made it at the same moment
        _DRIVERS.metadata.create_all(engine)


def _machine() -> str:
    """Where a process number means the same process: this boot of this machine, and this container."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        file = Path(path)
        if file.exists():
            parts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii"))
    return fingerprint(parts)
