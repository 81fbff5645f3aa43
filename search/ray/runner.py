"""Runner of trials in Ray Tune, on this machine or on a cluster."""

from __future__ import annotations

import logging
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import ray
from ray import tune
from ray.exceptions import AuthenticationError, RayError
from ray.tune.error import TuneError

from search.artifacts import Artifacts
from search.assignment import ObjectiveFactory
from search.machine import processors
from search.ray.bridge import DatabaseScheduler, Guarded, TuneSearcher
from search.ray.ray_compat import sockets_in, treat_out_of_memory_as_worker_death
from search.ray.start import (
    ADDRESS,
    AUTHENTICATION,
    ENVIRONMENT,
    check_address,
    first_line,
    in_empty_folder,
    own_signals,
    short_folder,
)
from search.ray.worker import NUMBER, TrialActor
from search.searcher import StudySearcher
from spaces import FieldError, InputError, MixtuneError

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer]):
    """Answers of workers to a question, with their start times."""

    workers: int
    ray: float
    """Seconds until Ray was running."""
    worker: float
    """Seconds from Ray's start until the last worker was ready."""
    answers: list[Answer]


def _answer(question: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return the time at which a worker began to answer, and its answer."""
    return time.time(), question()


class RayRunner:
    """Runner of concurrent trials in Ray Tune, on this machine or on the cluster at `address`."""

    def __init__(
        self,
        scratch: Path,
        workers: int | None = None,
        cpus: float = 1,
        gpus: float = 0,
        address: str | None = None,
        packages: Sequence[ModuleType] = (),
    ) -> None:
        """Set the resources of a trial; Ray starts with `run`.

        Args:
            scratch: folder for Ray's own files, not needed after the run.
            workers: number of concurrent trials; None for as many as fit.
            cpus: number of processors per trial.
            gpus: number of GPUs per trial.
            address: address of a running cluster, or `auto` for the one that this machine belongs to; None to start Ray
                on this machine.
            packages: packages to send to the machines of a cluster.
        """
        self._scratch = scratch
        self._workers = workers
        self._cpus = cpus
        self._gpus = gpus
        self._address = address
        self._packages = packages

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Artifacts) -> None:
        self._start()
        treat_out_of_memory_as_worker_death()
        searcher.when_ended(artifacts.cleanup)
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
        """Start Ray as for a study, call `question` on all of its workers at once, and shut Ray down.

        `question` must be picklable; the workers import what it needs.
        """
        began = time.time()
        self._start()
        try:
            self._check_resources()
            workers = self._concurrent()
            started = time.time()
            ask = ray.remote(num_cpus=self._cpus, num_gpus=self._gpus)(_answer)
            answers = ray.get([ask.remote(question) for _ in range(workers)])
        except (MixtuneError, RayError) as error:
            cause = getattr(error, "cause", None) or error  # the text of Ray's own errors is a traceback
            if isinstance(cause, MixtuneError):
                raise cause from None
            raise InputError(
                f"A worker failed at what a trial does: {type(cause).__name__}: {' '.join(str(cause).split())[:300]} "
                "If memory is short, lower search.workers or objective.batch_size, or use a smaller base.",
                code="worker-failed",
            ) from error
        finally:
            ray.shutdown()
        return Answers(
            workers,
            started - began,
            max(since for since, _ in answers) - started,
            [answer for _, answer in answers],
        )

    def _start(self) -> None:
        os.environ.update(ENVIRONMENT)
        if self._address is not None:
            check_address(self._address)
        try:
            with own_signals(), in_empty_folder(self._scratch):
                self._connect()
        except (ConnectionError, AuthenticationError) as error:
            raise FieldError(
                ADDRESS,
                f"no Ray cluster can be used at {self._address!r}: {first_line(error)} {AUTHENTICATION}",
                code="ray-unusable",
            ) from error
        except MixtuneError:
            raise
        except Exception as error:
            ray.shutdown()
            raise FieldError(
                "search.ray",
                f"Ray cannot be started on this machine: {type(error).__name__}: {first_line(error)} Ray's logs are "
                f"in {tempfile.gettempdir()!r} (TMPDIR). `--local` runs one trial after the other without Ray.",
                code="ray-unstartable",
            ) from error

    def _connect(self) -> None:
        cpus = None
        if self._address is None:
            usable = max(1, math.floor(processors()))
            requested = math.ceil((self._workers or 0) * self._cpus)  # may exceed the machine's own processors
            cpus = max(usable, requested)
        ray.init(
            **(sockets_in(short_folder()) if self._address is None else {}),
            address=self._address or "local",  # not a cluster that happens to run on this machine
            num_cpus=cpus,
            include_dashboard=False if self._address is None else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=self._runtime_environment(),
        )

    def _check_resources(self) -> None:
        """Refuse resources that no machine of the cluster has, because Ray would wait for them forever.

        Raises:
            InputError: a trial needs more processors or GPUs than any machine has.
        """
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        for field, name, needed in (("cpus", "CPU", self._cpus), ("gpus", "GPU", self._gpus)):
            most = max((machine.get(name, 0) for machine in machines), default=0)
            if needed > most:
                raise FieldError(
                    f"search.{field}",
                    f"a trial needs {needed:g}, and the largest machine of the Ray cluster has {most:g}. Lower the "
                    "field, or run on a larger machine.",
                    code="trial-wants-more-than-cluster",
                )

    def _concurrent(self) -> int:
        """Return the number of concurrent trials: as requested, or as many as fit."""
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
            logging.getLogger(name).setLevel(logging.CRITICAL)  # the searcher reports failures itself
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


_PASSED = ("HF_HUB_OFFLINE", "HF_HOME", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
