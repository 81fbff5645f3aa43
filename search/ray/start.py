"""Preparation of Ray's start: signals, folders and addresses, with clear errors if Ray cannot start."""

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
"""Longest path of Ray's folder, in characters; the names of its sockets add about 60."""
ADDRESS = "search.ray.address"
AUTHENTICATION = (
    "A cluster that was started with a token, which Ray uses if there is one, requires RAY_AUTH_MODE=token and the "
    "same ~/.ray/auth_token here."
)
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # a signal ends the run at once, because nothing is left to save
    "RAY_AIR_NEW_OUTPUT": "0",
}


def first_line(error: Exception) -> str:
    text = str(error).strip().split("\n", maxsplit=1)[0]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def short_folder() -> str | None:
    """Return a folder for Ray's sockets, whose paths are limited to 107 characters; None if the default is short."""
    default = Path(tempfile.gettempdir()) / "ray"
    if len(str(default)) <= _LONGEST_FOLDER:
        return None
    return str(Path("/tmp") / f"ray-{os.getuid()}")  # noqa: S108  Ray creates the folder, only for this user


@contextmanager
def in_empty_folder(scratch: Path) -> Iterator[None]:
    """Change to an empty folder within the block, because Ray's workers import from the folder in which Ray starts.

    A file `search.py` or `optuna.py` of the user would be imported instead of the package.
    """
    empty = scratch / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    with chdir(empty):
        yield


def check_address(address: str) -> None:
    """Check quickly that a cluster can be reached, because Ray itself retries for minutes.

    Raises:
        FieldError: Tune cannot use such an address, or nothing answers there.
    """
    if "://" in address:
        raise FieldError(
            ADDRESS,
            f"must be auto or HOST:PORT; got {address!r}. With a Ray client, Tune would move its driver, and with it "
            "the database connection, to the cluster. Launch on a machine of the cluster with `address: auto`, or "
            "submit the command: ray job submit --address http://HEAD:8265 -- mixtune launch study.yaml",
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
    """Restore the signal handlers after the block, because those of Ray end the process without a message.

    For a moment during Ray's start, its native code handles SIGTERM with a dump, which Python cannot prevent.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    terminated = False
    try:
        yield
    except SystemExit:  # raised by Ray's handler
        terminated = True
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if terminated:
        signal.raise_signal(signal.SIGTERM)
