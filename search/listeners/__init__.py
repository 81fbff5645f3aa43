"""Listeners to the events of a run by name, one file each.

Another package adds one with an entry point of the group `mixtune.listeners`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from search.events import Event
from search.listeners.kind import Listener, ListenerKind
from spaces.kinds import Kinds

LISTENERS: Kinds[ListenerKind] = Kinds("mixtune.listeners", {"jsonl": "search.listeners.jsonl:JsonLines"})


class _Guarded:
    """Wrapper that keeps the errors of a listener from ending trials.

    The first error is printed and disables the listener, which is closed all the same.
    """

    def __init__(self, name: str, listener: Listener) -> None:
        self._name = name
        self._listener = listener
        self._failed = False

    def hear(self, event: Event) -> None:
        if not self._failed:
            self._try(lambda: self._listener.hear(event))

    def close(self) -> None:
        self._try(self._listener.close)

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except (Exception, SystemExit) as error:  # noqa: BLE001  trials continue after any error
            if not self._failed:
                _report(self._name, error)
            self._failed = True


@contextmanager
def listening(names: Sequence[str], study: str, folder: Path) -> Iterator[Callable[[Event], None]]:
    """Open the listeners of these names within the block, and yield a function that passes an event to all of them.

    Args:
        names: names of listeners in `LISTENERS`.
        study: name of the study.
        folder: folder of the study, `runs/NAME`.
    """
    with ExitStack() as stack:
        guarded = [listener for name in names if (listener := _opened(name, study, folder)) is not None]
        for listener in guarded:
            stack.callback(listener.close)

        one_at_a_time = threading.Lock()  # trials are requested in one thread and reported in another

        def hear(event: Event) -> None:
            with one_at_a_time:
                for listener in guarded:
                    listener.hear(event)

        yield hear


def _opened(name: str, study: str, folder: Path) -> _Guarded | None:
    try:
        return _Guarded(name, LISTENERS[name](study, folder))
    except (Exception, SystemExit) as error:  # noqa: BLE001  as above
        _report(name, error)
        return None


def _report(name: str, error: BaseException) -> None:
    """Print the error of a listener; an error while printing must not end the run either."""
    with suppress(Exception):
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"The listener {name!r} (search.listeners) failed and is off; trials continue: {reason}\n")
