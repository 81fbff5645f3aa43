"""Signal handling: the first signal stops a study gracefully, the second one immediately."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from search.storage.reconnecting import GIVEN_UP

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@dataclass
class Stop:
    """The received signal."""

    signal: int = signal.SIGINT

    @property
    def status(self) -> int:
        """Exit status of a program ended by a signal, by the convention of shells."""
        return 128 + self.signal


@contextmanager
def stoppable(again: str) -> Iterator[Stop]:
    """Raise KeyboardInterrupt within the block on SIGINT, SIGTERM or SIGHUP; a second signal ends the process.

    No results are lost wherever the process ends: the database has every rung, and a trial's state is written before
    its rung is reported.

    Args:
        again: command that resumes the study.
    """
    stop = Stop()
    received = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal received
        if received:
            sys.stderr.write(f"\nStopped immediately. Stored results are kept; resume with: {again}\n")
            sys.stderr.flush()
            os._exit(128 + number)
        received = True
        stop.signal = number
        GIVEN_UP.set()
        raise KeyboardInterrupt

    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # respects nohup
    before = {number: signal.signal(number, handle) for number in handled}
    GIVEN_UP.clear()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
