"""Private names of Ray that `search.ray.ray_compat` uses still exist and do what they did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ray
from ray._private import serialization
from ray.core.generated.common_pb2 import ErrorType, RayErrorInfo
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError
from ray.tune.experiment import Trial

from search.ray.ray_compat import (
    WorkerOutOfMemoryError,
    could_not_start,
    error_of,
    sockets_in,
    treat_out_of_memory_as_worker_death,
)
from search.ray.start import own_signals


class Told(serialization.SerializationContext):  # type: ignore[misc]
    """Ray's reader of errors, where another process has told that a worker was killed for its memory."""

    def _deserialize_msgpack_data(self, *_: Any) -> bytes:
        found: bytes = RayErrorInfo(error_message="low on memory").SerializeToString()
        return found


def test_a_worker_killed_for_its_memory_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "OutOfMemoryError", serialization.OutOfMemoryError)  # back again afterwards
    treat_out_of_memory_as_worker_death()
    kind = str(ErrorType.Value("OUT_OF_MEMORY")).encode()
    (error,) = Told(None).deserialize_objects([serialization.SerializedRayObject(b"told", kind, None)], [None], {})
    assert isinstance(error, WorkerOutOfMemoryError), (
        f"Ray builds {type(error).__name__} from elsewhere than ray._private.serialization.OutOfMemoryError: Tune "
        f"would end a study where one worker runs out of memory. {error}"
    )
    assert isinstance(error, RayActorError)
    assert str(error) == "low on memory"


class Failed(Trial):  # type: ignore[misc]
    """A trial of Tune with a folder of its own, without Ray."""

    local_path = ""


def _failed(folder: Path, error: Exception) -> Trial:
    trial = Failed("trial", stub=True)
    Failed.local_path = str(folder)
    trial.handle_error(error)
    return trial


def test_tune_writes_an_error_where_it_is_read(tmp_path: Path) -> None:
    error, lines = error_of(_failed(tmp_path, RayTaskError("step", "in words\nof two lines", ValueError("wrong"))))
    assert isinstance(error, RayTaskError), "Tune keeps a trial's error no longer in Trial.pickled_error_file"
    assert isinstance(error.cause, ValueError)
    assert lines == ["in words", "of two lines"], "Tune writes a trial's error no longer as a headline and its lines"


def test_tune_writes_lines_alone_of_an_error_of_its_own(tmp_path: Path) -> None:
    error, lines = error_of(_failed(tmp_path, OSError("the disk is full")))
    assert error is None
    assert lines == ["the disk is full"]


def test_a_worker_that_cannot_start_is_known_by_rays_words() -> None:
    began = ActorDiedError(RayTaskError("setup", "ValueError: no such file", ValueError("no such file"), actor_id="1"))
    assert could_not_start(str(began).splitlines()), f"Ray says otherwise that a worker cannot start: {began}"
    assert not could_not_start(str(ActorDiedError()).splitlines())


def test_ray_takes_our_options(tmp_path: Path) -> None:
    """Ray names the options that it does not know before it starts, but has taken the signals by then."""
    with own_signals(), pytest.raises(RuntimeError, match=r"Unknown keyword argument\(s\): _of_nobody$"):
        ray.init(**sockets_in(str(tmp_path)), _of_nobody=True)
