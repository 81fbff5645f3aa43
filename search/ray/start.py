"""Ray's start: signals, folders and addresses, so that it begins well or says why it cannot."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from spaces import FieldError

_LONGEST_FOLDER = 40
"""Characters of Ray's folder; the names of its sockets have about 60 more."""
ADDRESS = "search.ray.address"
AUTHENTICATION = (
    "A cluster that was started with a token, as Ray does where there is one, wants RAY_AUTH_MODE=token and the same "
    "~/.ray/auth_token here."
)
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # a signal ends the run at once: nothing waits to be saved
    "RAY_AIR_NEW_OUTPUT": "0",
}


def first_line(error: Exception) -> str:
    text = str(error).strip().split("\n", maxsplit=1)[0]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def short_folder() -> str | None:
    """A folder for Ray's sockets, whose paths may have 107 characters; None where Ray's own choice is short enough."""
    usual = Path(tempfile.gettempdir()) / "ray"
    if len(str(usual)) <= _LONGEST_FOLDER:
        return None
    return str(Path("/tmp") / f"ray-{os.getuid()}")  # noqa: S108  Ray makes it, for this user alone


@contextmanager
def nothing_to_import(scratch: Path) -> Iterator[None]:
    """Connect from an empty folder: Ray lets its workers import from the one in which it is started.

    A file `search.py` or `optuna.py` of the user's would be imported in place of ours.
    """
    empty = scratch / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    with chdir(empty):
        yield


def check_address(address: str) -> None:
    """See that a cluster may be there: Ray itself tries for minutes.

    Raises:
        FieldError: Tune cannot use such an address, or nothing answers at it.
    """
    if "://" in address:
        raise FieldError(
            ADDRESS,
            f"must be auto or HOST:PORT; got {address!r}. Through a Ray client Tune would move its driver, and the "
            "database's connection with it, to the cluster. Launch on a machine of the cluster with `address: auto`, "
            "or hand the command over: ray job submit --address http://HEAD:8265 -- mixtune launch study.yaml",
            code="ray-address-malformed",
        )
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise FieldError(
            ADDRESS,
            f"nothing answers at {address!r} ({error}). Start Ray there: ray start --head --port={port}",
            code="ray-unreachable",
        ) from error


@contextmanager
def own_signals() -> Iterator[None]:
    """Signals keep the handlers that they have; Ray's end the process without a word.

    For a moment of Ray's start its native code meets SIGTERM itself, with a dump, which Python cannot prevent.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    came = False
    try:
        yield
    except SystemExit:  # by Ray's handler
        came = True
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(signal.SIGTERM)
