"""Listeners to the events of a run by name, one file each; another package adds one by an entry point of the group
`mixtune.listeners`.
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
    """A listener whose errors cost no trial: the first is told, it hears no more, and it is closed all the same."""

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
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a listener raises, trials go on
            if not self._failed:
                _tell(self._name, error)
            self._failed = True


@contextmanager
def listening(names: Sequence[str], study: str, folder: Path) -> Iterator[Callable[[Event], None]]:
    """Within the block, the listeners of these names hear what the given function is called with.

    Args:
        names: rows of `LISTENERS`.
        study: name of the study.
        folder: of the study, `runs/NAME`.
    """
    with ExitStack() as stack:
        guarded = [each for name in names if (each := _opened(name, study, folder)) is not None]
        for each in guarded:
            stack.callback(each.close)

        one_at_a_time = threading.Lock()  # trials are asked for in one thread and told in another

        def hear(event: Event) -> None:
            with one_at_a_time:
                for each in guarded:
                    each.hear(event)

        yield hear


def _opened(name: str, study: str, folder: Path) -> _Guarded | None:
    try:
        return _Guarded(name, LISTENERS[name](study, folder))
    except (Exception, SystemExit) as error:  # noqa: BLE001  as above
        _tell(name, error)
        return None


def _tell(name: str, error: BaseException) -> None:
    """Say once what is wrong; nothing that goes wrong with that may end the run either."""
    with suppress(Exception):
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"The listener {name!r} (search.listeners) failed and hears no more; trials go on: {reason}\n")
