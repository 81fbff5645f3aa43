"""Uses of Ray beyond its public API: the one place to look when a new version breaks the search.

Tested with Ray 2.60.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray._private import serialization
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.experiment import Trial

_IN_CREATION = "creation task"


class WorkerOutOfMemoryError(OutOfMemoryError, RayActorError):  # type: ignore[misc]
    """Ray killed a worker because its machine ran low on memory; Tune handles this like any other death of a worker.

    Ray's own error is not an actor error, and ends the whole run in Tune.
    """

    def __init__(self, message: str) -> None:
        RayActorError.__init__(self)
        self.message = message


def treat_out_of_memory_as_worker_death() -> None:
    """Make this process raise `WorkerOutOfMemoryError` when Ray's memory monitor kills a worker.

    Replaces the name `OutOfMemoryError` in the private module `ray._private.serialization`, which builds errors from
    Ray's reports. Tune has no setting for the errors that concern only an actor.
    """
    serialization.OutOfMemoryError = WorkerOutOfMemoryError


def error_of(trial: Trial) -> tuple[Exception | None, list[str]]:
    """Read the error that Tune has just written for a trial: the exception, if Tune pickled one, and its lines.

    Reads the undocumented `Trial.pickled_error_file` and `Trial.error_file`. Tune's own readers, `get_pickled_error`
    and `get_error`, look in a folder that the files reach only after the scheduler is called.
    """
    pickled = Path(trial.pickled_error_file or "")
    error = cloudpickle.loads(pickled.read_bytes()) if pickled.is_file() else None
    lines = Path(trial.error_file).read_text(encoding="utf-8").strip().splitlines()
    return error, lines[1:]  # without Tune's header line


def could_not_start(lines: list[str]) -> bool:
    """Whether the lines of an error are those of a worker that could not import or build what it runs.

    Only the wording of Ray's message shows this: the class of the error is the same for every death of a worker.
    """
    return _IN_CREATION in lines[0]


def sockets_in(folder: str | None) -> dict[str, Any]:
    """Return the option of `ray.init` that sets the folder of Ray's sockets and logs; None for Ray's default.

    The option `_temp_dir` is private. The public one, `ray start --temp-dir`, is only for clusters started by hand.
    """
    return {"_temp_dir": folder}
