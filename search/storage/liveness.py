"""Detection of dead drivers by their processes and heartbeats, robust to clock changes."""

from __future__ import annotations

import math
import socket
import time
from pathlib import Path

import psutil

from search.storage.lease_table import LeaseRow
from spaces.trial import fingerprint


class Liveness:
    """One driver's view of which other drivers are alive."""

    def __init__(self, lease: float) -> None:
        """Start without observations; a driver counts as dead after `lease` seconds without a heartbeat."""
        self._lease = lease
        self._observed: dict[str, tuple[int, float]] = {}  # driver to its last heartbeat and when that was first read
        self._doubts_end = -math.inf  # the database's clock is not trusted before this time
        self._clocks: tuple[float, int] | None = None  # this process's time and the database's, at the last comparison

    def doubt_for(self, seconds: float) -> None:
        """Distrust the database's clock for a number of seconds."""
        self._doubts_end = time.monotonic() + seconds

    def compare_clocks(self, here: float, there: int) -> None:
        """Distrust the database's clock for one lease if it was changed or the database was unreachable for long.

        Args:
            here: time of this process's clock, in seconds.
            there: time of the database's clock at the same moment, in seconds.
        """
        if self._clocks is not None:
            passed, passed_there = here - self._clocks[0], there - self._clocks[1]
            if passed > self._lease / 2 or abs(passed_there - passed) > self._lease / 2:
                self.doubt_for(self._lease)
        self._clocks = here, there

    def is_dead(self, row: LeaseRow, now: int) -> bool:
        """Whether a driver's trials may be taken over, given the database's time `now`."""
        expired = self._silent(row) > self._lease or bool(now - row.seen > self._lease and self._trusts_clock)
        if row.machine != machine():
            return expired
        try:
            process = psutil.Process(row.process)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        # Another process may have the same number, but a clock change also shifts the start times of live processes.
        return expired and abs(process.create_time() - row.process_began) >= 1

    @property
    def _trusts_clock(self) -> bool:
        return time.monotonic() > self._doubts_end

    def _silent(self, row: LeaseRow) -> float:
        """Return the seconds, by this process's clock, since another driver's heartbeat last changed."""
        heartbeat, since = self._observed.get(row.driver, (None, 0.0))
        if heartbeat != row.seen:
            since = time.monotonic()
            self._observed[row.driver] = row.seen, since
        return time.monotonic() - since


def machine() -> str:
    """Return an id of the scope of process numbers: this boot of this machine, and this container."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        file = Path(path)
        if file.exists():
            parts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii"))
    return fingerprint(parts)
