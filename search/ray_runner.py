"""Runs trials in Ray Tune, on this machine or on a cluster."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import ray
from ray import tune
from ray.exceptions import AuthenticationError, RayError
from ray.tune.error import TuneError

from search.artifacts import Artifacts
from search.machine import processors
from search.ray_bridge import DatabaseScheduler, Guarded, TuneSearcher
from search.ray_worker import NUMBER, TrialActor
from search.runner import ObjectiveFactory
from search.searcher import StudySearcher
from spaces import FieldError, InputError, MixtuneError

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer]):
    """What workers answered."""

    workers: int
    ray: float
    """Seconds until Ray ran."""
    worker: float
    """Seconds from then until the last worker could begin."""
    answers: list[Answer]


def _answer(question: Callable[[], Answer]) -> tuple[float, Answer]:
    """When a worker began to answer, and the answer."""
    return time.time(), question()


class RayRunner:
    """Several trials at once in Ray Tune, on this machine or on the cluster of `address`."""

    def __init__(
        self,
        scratch: Path,
        workers: int | None = None,
        cpus: float = 1,
        gpus: float = 0,
        address: str | None = None,
        packages: Sequence[ModuleType] = (),
    ) -> None:
        """Say what a trial may use; Ray starts with `run`.

        Args:
            scratch: folder for Ray's own records, of no use after the run.
            workers: trials at once; empty for as many as fit.
            cpus: processors of a trial.
            gpus: GPUs of a trial.
            address: of a running cluster, `auto` for one that this machine belongs to; empty to start Ray here.
            packages: to send to a cluster's machines.
        """
        self._scratch = scratch
        self._workers = workers
        self._cpus = cpus
        self._gpus = gpus
        self._address = address
        self._packages = packages

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        self._start()
        searcher.when_ended(artifacts.settle)
        guarded = Guarded(searcher)
        trials = TuneSearcher(guarded)
        try:
            self._check_resources()
            self._tune(trials, DatabaseScheduler(guarded), objective, artifacts)
        except TuneError as error:
            raise guarded.fault or error from error
        finally:
            ray.shutdown()
            trials.close()

    def ask_workers(self, question: Callable[[], Answer]) -> Answers[Answer]:
        """Start Ray as for a study, ask as many workers as it would have, all at once, and end Ray.

        `question` must pickle; what it needs is imported by the workers.
        """
        begun = time.time()
        self._start()
        try:
            self._check_resources()
            workers = self._concurrent()
            started = time.time()
            ask = ray.remote(num_cpus=self._cpus, num_gpus=self._gpus)(_answer)
            answers = ray.get([ask.remote(question) for _ in range(workers)])
        except MixtuneError:
            raise
        except RayError as error:
            cause = getattr(error, "cause", None) or error
            raise InputError(
                f"A worker failed at what a trial does: {type(cause).__name__}: {' '.join(str(cause).split())[:300]} "
                "Where it is memory, lower search.workers or objective.batch, or take a smaller base."
            ) from error
        finally:
            ray.shutdown()
        return Answers(
            workers,
            started - begun,
            max(since for since, _ in answers) - started,
            [answer for _, answer in answers],
        )

    def _start(self) -> None:
        os.environ.update(_ENVIRONMENT)
        if self._address is not None:
            _check_address(self._address)
        try:
            with _own_signals(), _nothing_to_import(self._scratch):
                self._connect()
        except (ConnectionError, AuthenticationError) as error:
            raise FieldError(
                _ADDRESS, f"no Ray cluster can be used at {self._address!r}: {_first_line(error)} {_AUTHENTICATION}"
            ) from error
        except MixtuneError:
            raise
        except Exception as error:
            ray.shutdown()
            raise FieldError(
                "search.ray",
                f"Ray cannot be started on this machine: {type(error).__name__}: {_first_line(error)} Its records are "
                f"in {tempfile.gettempdir()!r} (TMPDIR). `--local` runs one trial after the other without Ray.",
            ) from error

    def _connect(self) -> None:
        cpus = None
        if self._address is None:
            usable = max(1, math.floor(processors()))
            wanted = math.ceil((self._workers or 0) * self._cpus)  # as many as asked for, even beyond the machine's own
            cpus = max(usable, wanted)
        ray.init(
            **({"_temp_dir": _short_folder()} if self._address is None else {}),
            address=self._address or "local",  # not a cluster that happens to run on this machine
            num_cpus=cpus,
            include_dashboard=False if self._address is None else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=self._runtime_environment(),
        )

    def _check_resources(self) -> None:
        """Refuse what no machine of the cluster has: Ray would wait for it for ever.

        Raises:
            InputError: a trial wants more processors or GPUs than any machine has.
        """
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        for field, name, wanted in (("cpus", "CPU", self._cpus), ("gpus", "GPU", self._gpus)):
            most = max((machine.get(name, 0) for machine in machines), default=0)
            if wanted > most:
                raise FieldError(
                    f"search.{field}",
                    f"a trial wants {wanted:g}, and the largest machine that Ray knows has {most:g}. Lower the field, "
                    "or run on a larger machine.",
                )

    def _concurrent(self) -> int:
        """Trials at once: as many as were asked for, or as fit."""
        resources = ray.cluster_resources()
        fit = resources.get("CPU", 1) / self._cpus
        if self._gpus:
            fit = min(fit, resources.get("GPU", 0) / self._gpus)
        return self._workers or max(1, int(fit))

    def _runtime_environment(self) -> dict[str, Any]:
        threads = str(max(1, int(self._cpus)))
        passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
        own = {
            "OMP_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": "false",
            "TQDM_DISABLE": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        }
        sent = {"py_modules": list(self._packages)} if self._address is not None and self._packages else {}
        return {"env_vars": {**passed, **own}, **sent}

    def _tune(
        self, trials: TuneSearcher, scheduler: DatabaseScheduler, objective: ObjectiveFactory, artifacts: Artifacts
    ) -> None:
        for name in ("ray.tune", "ray.air", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # failures are told by the searcher, once
        tune.run(
            tune.with_parameters(TrialActor, objective=objective, artifacts=artifacts),
            name="trials",
            search_alg=trials,
            scheduler=scheduler,
            num_samples=-1,
            max_concurrent_trials=self._concurrent(),
            resources_per_trial={"cpu": self._cpus, "gpu": self._gpus},
            reuse_actors=True,
            raise_on_failed_trial=False,
            storage_path=str(self._scratch.resolve()),
            trial_name_creator=lambda trial: f"trial-{trial.config[NUMBER]:04d}",
            trial_dirname_creator=lambda trial: f"trial-{trial.config[NUMBER]:04d}",
            verbose=0,
        )


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n", maxsplit=1)[0]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _short_folder() -> str | None:
    """A folder for Ray's sockets, whose paths may have 107 characters; None where Ray's own choice is short enough."""
    usual = Path(tempfile.gettempdir()) / "ray"
    if len(str(usual)) <= _LONGEST_FOLDER:
        return None
    return str(Path("/tmp") / f"ray-{os.getuid()}")  # noqa: S108  Ray makes it, for this user alone


@contextmanager
def _nothing_to_import(scratch: Path) -> Iterator[None]:
    """Connect from an empty folder: Ray lets its workers import from the one in which it is started.

    A file `search.py` or `optuna.py` of the user's would be imported in place of ours.
    """
    empty = scratch / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    with chdir(empty):
        yield


def _check_address(address: str) -> None:
    """See that a cluster may be there: Ray itself tries for minutes.

    Raises:
        FieldError: Tune cannot use such an address, or nothing answers at it.
    """
    if "://" in address:
        raise FieldError(
            _ADDRESS,
            f"must be auto or HOST:PORT; got {address!r}. Through a Ray client Tune would move its driver, and the "
            "database's connection with it, to the cluster. Launch on a machine of the cluster with `address: auto`, "
            "or hand the command over: ray job submit --address http://HEAD:8265 -- mixtune launch study.yaml",
        )
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise FieldError(
            _ADDRESS, f"nothing answers at {address!r} ({error}). Start Ray there: ray start --head --port={port}"
        ) from error


_LONGEST_FOLDER = 40
"""Characters of Ray's folder; the names of its sockets have about 60 more."""
_ADDRESS = "search.ray.address"
_AUTHENTICATION = (
    "A cluster that was started with a token, as Ray does where there is one, wants RAY_AUTH_MODE=token and the same "
    "~/.ray/auth_token here."
)


@contextmanager
def _own_signals() -> Iterator[None]:
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


_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # a signal ends the run at once: nothing waits to be saved
    "RAY_AIR_NEW_OUTPUT": "0",
}
_PASSED = ("HF_HUB_OFFLINE", "HF_HOME", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
