"""The contract of a kind of listener, such as a tracker of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from search.events import Event


class Listener(Protocol):
    """Hears of everything that happens in one run of a study.

    It is called by one thread at a time, but not always by the same one. What it raises costs no trial; one that never
    returns holds up the study.
    """

    def hear(self, event: Event) -> None:
        """An event, a moment after it is stored. It should be quick: the next trial waits for it."""
        ...

    def close(self) -> None:
        """The run is over, however it ended."""
        ...


class ListenerKind(Protocol):
    """Makes a listener for one run of a study; most are classes."""

    def __call__(self, study: str, folder: Path) -> Listener:
        """A listener; `study`: its name, `folder`: the study's, `runs/NAME`."""
        ...
