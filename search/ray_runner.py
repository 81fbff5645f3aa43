"""The bridge's outer half: Ray Tune runs the trials, the database decides."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from objectives.base import Objective, Rung
from search.runner import ObjectiveFactory, reason, workdir
from search.searcher import Assignment, Decision, StudySearcher
from spaces import FieldError, TrialConfig

_NUMBER = "number"
_RUNG = "rung"
_FAILURE = "failure"


class TrialActor(tune.Trainable):  # type: ignore[misc]
    """A worker that runs one trial after the other and keeps its objective warm between them."""

    def setup(self, config: dict[str, Any], objective: ObjectiveFactory | None = None) -> None:
        self._build = objective
        self._objective: Objective | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._end()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next rung, or why there is none: an error that reached Tune would cost the warm worker."""
        try:
            rung = next(self._rungs, None)
        except Exception as error:  # noqa: BLE001  recorded as the trial's failure by the driver
            return {_FAILURE: reason(error)}
        return {_RUNG: rung} if rung is not None else {_FAILURE: "The trial ended before its last rung."}

    def cleanup(self) -> None:
        self._end()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: artifacts are written by the objective before each rung, the rest is in the database."""

    def load_checkpoint(self, checkpoint: object) -> None:
        """Nothing; see `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        self._rungs = self._evaluate(TrialConfig.from_dict(config["trial"]), Path(config["workdir"]))

    def _evaluate(self, trial: TrialConfig, folder: Path) -> Iterator[Rung]:
        if self._objective is None:
            if self._build is None:
                raise RuntimeError("The worker was started without an objective.")
            self._objective = self._build()
        folder.mkdir(parents=True, exist_ok=True)
        yield from self._objective.evaluate(trial, folder)

    def _end(self) -> None:
        close = getattr(self._rungs, "close", None)
        if close is not None:
            close()


class _Guarded:
    """Passes calls on to the searcher and keeps the error that one raised: Tune hands on errors as text only."""

    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher
        self.fault: Exception | None = None

    def ask(self) -> Assignment | None:
        with self._keeping():
            return self._searcher.ask()

    def report(self, number: int, rung: Rung) -> Decision:
        with self._keeping():
            return self._searcher.report(number, rung)

    def fail(self, number: int, reason: str) -> None:
        with self._keeping():
            self._searcher.fail(number, reason)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.fault = self.fault or error
            raise


class _TuneSearcher(Searcher):  # type: ignore[misc]
    """Hands Tune the searcher's trials; results come in through the scheduler, which sees all of them."""

    def __init__(self, searcher: _Guarded, artifacts: Path) -> None:
        super().__init__()
        self._searcher = searcher
        self._artifacts = artifacts

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        assignment = self._searcher.ask()
        if assignment is None:
            return str(Searcher.FINISHED)
        folder = workdir(self._artifacts, assignment.number)
        return {_NUMBER: assignment.number, "trial": assignment.config.to_dict(), "workdir": str(folder)}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: the scheduler has told the database already."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the database is the only truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing; see `save`."""


class _DatabaseScheduler(FIFOScheduler):  # type: ignore[misc]
    """Passes every result to the searcher and does what it decides.

    A trial never reports itself as done: Tune would then skip the scheduler for the last result.
    """

    def __init__(self, searcher: _Guarded) -> None:
        super().__init__()
        self._searcher = searcher

    def on_trial_result(self, tune_controller: object, trial: Trial, result: dict[str, Any]) -> str:
        number = trial.config[_NUMBER]
        if _FAILURE in result:
            self._searcher.fail(number, result[_FAILURE])
            return str(self.STOP)
        decision = self._searcher.report(number, result[_RUNG])
        return str(self.STOP if decision is Decision.STOP else self.CONTINUE)

    def on_trial_error(self, tune_controller: object, trial: Trial) -> None:
        """A worker that died, or an error of Tune itself."""
        error = trial.get_error()
        self._searcher.fail(trial.config[_NUMBER], reason(error) if error else "The worker died.")


class RayRunner:
    """Several trials at once in Ray Tune, on this machine or on the cluster of `address`."""

    def __init__(
        self, scratch: Path, workers: int | None = None, cpus: float = 1, gpus: float = 0, address: str | None = None
    ) -> None:
        """Say what a trial may use; Ray starts with `run`.

        Args:
            scratch: folder for Ray's own records, of no use after the run.
            workers: trials at once; empty for as many as fit.
            cpus: processors of a trial.
            gpus: GPUs of a trial.
            address: of a running cluster; empty to start Ray here.
        """
        self._scratch = scratch
        self._workers = workers
        self._cpus = cpus
        self._gpus = gpus
        self._address = address

    def run(self, searcher: StudySearcher, objective: ObjectiveFactory, artifacts: Path) -> None:
        self._start()
        guarded = _Guarded(searcher)
        try:
            self._check_resources()
            self._tune(guarded, objective, artifacts)
        except TuneError as error:
            raise guarded.fault or error from error
        finally:
            ray.shutdown()
        if searcher.unfinished and not searcher.stop_reason:
            raise KeyboardInterrupt  # Tune returns quietly when it is interrupted

    def _start(self) -> None:
        os.environ.update(_ENVIRONMENT)
        cpus = None
        if self._address is None and self._workers is not None:  # as many as asked for, even beyond the machine's own
            cpus = max(os.cpu_count() or 1, math.ceil(self._workers * self._cpus))
        ray.init(
            address=self._address or "local",  # not a cluster that happens to run on this machine
            num_cpus=cpus,
            include_dashboard=False if self._address is None else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": self._worker_environment()},
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

    def _worker_environment(self) -> dict[str, str]:
        threads = str(max(1, int(self._cpus)))
        passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
        return {**passed, "OMP_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}

    def _tune(self, searcher: _Guarded, objective: ObjectiveFactory, artifacts: Path) -> None:
        for name in ("ray.tune", "ray.air", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # failures are told by the searcher, once
        tune.run(
            tune.with_parameters(TrialActor, objective=objective),
            name="trials",
            search_alg=_TuneSearcher(searcher, artifacts.resolve()),
            scheduler=_DatabaseScheduler(searcher),
            num_samples=-1,
            max_concurrent_trials=self._concurrent(),
            resources_per_trial={"cpu": self._cpus, "gpu": self._gpus},
            reuse_actors=True,
            raise_on_failed_trial=False,
            storage_path=str(self._scratch.resolve()),
            trial_name_creator=lambda trial: f"trial-{trial.config[_NUMBER]:04d}",
            trial_dirname_creator=lambda trial: f"trial-{trial.config[_NUMBER]:04d}",
            verbose=0,
        )


_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1e9",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}
_PASSED = ("HF_HUB_OFFLINE", "HF_HOME", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
