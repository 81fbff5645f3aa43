"""Signals that stop a study: the first one in order, the second one at once."""

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
    """The signal that came."""

    signal: int = signal.SIGINT

    @property
    def status(self) -> int:
        """Exit status of a program that a signal ended, as shells have it."""
        return 128 + self.signal


@contextmanager
def stoppable(again: str) -> Iterator[Stop]:
    """Within the block, Ctrl-C, a hang-up and SIGTERM raise KeyboardInterrupt; a second one ends the process.

    Ending it anywhere loses nothing: the database has every rung, and a trial's state is written before its
    rung is told.

    Args:
        again: the command that goes on with the study.
    """
    stop = Stop()
    came = False

    def meet(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            sys.stderr.write(f"\nStopped at once. What was stored is kept; go on with: {again}\n")
            sys.stderr.flush()
            os._exit(128 + number)
        came = True
        stop.signal = number
        GIVEN_UP.set()
        raise KeyboardInterrupt

    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup wants it
    before = {number: signal.signal(number, meet) for number in heard}
    GIVEN_UP.clear()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
