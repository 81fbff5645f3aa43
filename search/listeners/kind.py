"""Contract of a kind of listener, such as an experiment tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from search.events import Event


class Listener(Protocol):
    """Receives all events in one run of a study.

    A listener is called by one thread at a time, but not always by the same thread. Its errors do not end trials; a
    call that never returns blocks the study.
    """

    def hear(self, event: Event) -> None:
        """Handle an event, right after it is stored; this should be quick, because the next trial waits."""
        ...

    def close(self) -> None:
        """Release resources at the end of the run, however the run ended."""
        ...


class ListenerKind(Protocol):
    """Creates a listener for one run of a study; most kinds are classes."""

    def __call__(self, study: str, folder: Path) -> Listener:
        """Return a listener for the study of this name, whose folder is `runs/NAME`."""
        ...
