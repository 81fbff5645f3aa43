"""Which drivers of a study live: by their processes, and by heartbeats read with clocks that may be set."""

from __future__ import annotations

import math
import socket
import time
from pathlib import Path

import psutil

from search.storage.lease_table import LeaseRow
from spaces.trial import fingerprint


class Liveness:
    """One driver's knowledge of whether the others live."""

    def __init__(self, lease: float) -> None:
        """Know nothing yet; `lease`: seconds without a heartbeat after which a driver counts as dead."""
        self._lease = lease
        self._observed: dict[str, tuple[int, float]] = {}  # driver to its last heartbeat and when it was first seen
        self._doubts_end = -math.inf  # until then the database's clock says nothing about other drivers
        self._clocks: tuple[float, int] | None = None  # this process's seconds and the database's, when last compared

    def doubt_for(self, seconds: float) -> None:
        """Trust the database's clock no more for so many seconds."""
        self._doubts_end = time.monotonic() + seconds

    def compare_clocks(self, here: float, there: int) -> None:
        """Doubt the database's clock for a lease where it was set, or where the database was away for long.

        Args:
            here: seconds by this process's clock.
            there: seconds by the database's, at the same moment.
        """
        if self._clocks is not None:
            passed, passed_there = here - self._clocks[0], there - self._clocks[1]
            if passed > self._lease / 2 or abs(passed_there - passed) > self._lease / 2:
                self.doubt_for(self._lease)
        self._clocks = here, there

    def is_dead(self, row: LeaseRow, now: int) -> bool:
        """Whether a driver's trials may be taken over; `now`: the database's time."""
        expired = self._silent(row) > self._lease or bool(now - row.seen > self._lease and self._trusts_clock)
        if row.machine != machine():
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

    def _silent(self, row: LeaseRow) -> float:
        """Seconds, by this process's clock, since another driver's last heartbeat was seen to change."""
        seen, since = self._observed.get(row.driver, (None, 0.0))
        if seen != row.seen:
            since = time.monotonic()
            self._observed[row.driver] = row.seen, since
        return time.monotonic() - since


def machine() -> str:
    """Names the place where a process number means the same process: this boot of this machine, and this container."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        file = Path(path)
        if file.exists():
            parts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii"))
    return fingerprint(parts)
