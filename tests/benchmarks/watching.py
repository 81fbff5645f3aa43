"""Watching a run from outside: when its trials end, and how much memory it takes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Self

import psutil

from search.events import Event, TrialFinished


@dataclass
class Clock:
    """Hears of trials, and tells at what pace they ended."""

    begun: float = field(default_factory=time.perf_counter)
    ends: list[float] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialFinished):
            self.tick()

    def tick(self) -> None:
        """A trial has ended."""
        self.ends.append(time.perf_counter())

    @property
    def start_up(self) -> float:
        """Seconds from the call to the first end of a trial: Ray, workers and imports included."""
        return self.ends[0] - self.begun

    def pace(self, workers: int = 1) -> float:
        """Seconds of wall time for each trial after the first of every worker."""
        return (self.ends[-1] - self.ends[workers - 1]) / (len(self.ends) - workers)


class Memory:
    """The largest memory of this process and all that it started, shared pages counted once; sampled."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.peak = 0
        """Bytes (PSS)."""
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.5):
            self.peak = max(self.peak, sum(_memory(each) for each in (me, *me.children(recursive=True))))


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it ended meanwhile
        return 0
