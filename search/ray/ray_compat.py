"""What the search takes of Ray that Ray does not promise: the one place to look when a new version fails.

Tried with Ray 2.60.0.
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
    """Ray has killed a worker because its machine ran low on memory: for Tune, a worker's death like any other.

    Ray's own error is none of an actor, and Tune ends the whole run where it meets it.
    """

    def __init__(self, message: str) -> None:
        RayActorError.__init__(self)
        self.message = message


def take_memory_for_a_workers_death() -> None:
    """From now on, let this process make a `WorkerOutOfMemoryError` of the death that Ray's memory monitor deals out.

    Replaces the name `OutOfMemoryError` in the private module `ray._private.serialization`, which builds errors from
    what Ray tells. Tune has no setting for which errors cost an actor alone.
    """
    serialization.OutOfMemoryError = WorkerOutOfMemoryError


def error_of(trial: Trial) -> tuple[Exception | None, list[str]]:
    """Read the error of a trial that Tune has just written: the error itself, where Tune keeps it, and its lines.

    Reads `Trial.pickled_error_file` and `Trial.error_file`, which are not documented. Tune's own readers,
    `get_pickled_error` and `get_error`, look where the files are copied to later than a scheduler is told.
    """
    pickled = Path(trial.pickled_error_file or "")
    error = cloudpickle.loads(pickled.read_bytes()) if pickled.is_file() else None
    lines = Path(trial.error_file).read_text(encoding="utf-8").strip().splitlines()
    return error, lines[1:]  # under Tune's own headline


def could_not_start(lines: list[str]) -> bool:
    """Whether an error, as lines, is that of a worker that could not import or build what it runs.

    Known by words of Ray's message alone: the class of the error is that of every worker's death.
    """
    return _IN_CREATION in lines[0]


def sockets_in(folder: str | None) -> dict[str, Any]:
    """The option of `ray.init` that says where Ray's sockets and records lie; none for Ray's own choice.

    The option `_temp_dir` is private. The public one, `ray start --temp-dir`, is for clusters that are started by hand.
    """
    return {"_temp_dir": folder}
