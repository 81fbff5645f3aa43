"""Worker side of the bridge to Ray Tune: an actor that runs one trial after the other with the same objective."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ray import tune

from objectives.base import Objective, Rung
from search.artifacts import Artifacts
from search.assignment import NO_LAST_RUNG, Assignment, ObjectiveFactory, reason, rungs_of
from spaces import TrialConfig

NUMBER = "number"
"""Key of the trial's number in the configuration that Tune passes to a worker."""
TRIAL = "trial"
"""Key of the trial's configuration."""
SPLIT = "split"
"""Key of the split of the questions that the trial is scored on."""
RUNG = "rung"
"""Key of a rung in a worker's result."""
FAILURE = "failure"
"""Key of the reason why the trial failed."""
UNABLE = "unable"
"""Key of the reason why this worker cannot run any trial."""


class TrialActor(tune.Trainable):  # type: ignore[misc]
    """Worker actor; a trial resumes from its working folder, on any worker."""

    def setup(
        self, config: dict[str, Any], objective: ObjectiveFactory | None = None, artifacts: Artifacts | None = None
    ) -> None:
        self._factory = objective
        self._artifacts = artifacts
        self._objective: Objective | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._end()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Return the next rung, or the reason why there is none; an error that reached Tune would end the worker."""
        try:
            if self._objective is None:
                self._objective = self._build_objective()
        except Exception as error:  # noqa: BLE001  ends the study with this reason
            return {UNABLE: reason(error)}
        try:
            rung = next(self._rungs, None)
        except Exception as error:  # noqa: BLE001  recorded as the trial's failure by the driver
            return {FAILURE: reason(error)}
        return {RUNG: rung} if rung is not None else {FAILURE: NO_LAST_RUNG}

    def cleanup(self) -> None:
        self._end()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: the objective stores a trial's state before each rung, and the rest is in the database."""

    def load_checkpoint(self, checkpoint: object) -> None:
        """Do nothing, see `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        self._rungs = self._evaluate(Assignment(config[NUMBER], TrialConfig.from_dict(config[TRIAL]), config[SPLIT]))

    def _build_objective(self) -> Objective:
        if self._factory is None:
            raise RuntimeError("The worker was started without an objective.")
        return self._factory()

    def _evaluate(self, assignment: Assignment) -> Iterator[Rung]:
        if self._objective is None or self._artifacts is None:
            raise RuntimeError("The worker was started without an objective, or without storage for its files.")
        yield from rungs_of(self._objective, assignment, self._artifacts)

    def _end(self) -> None:
        close = getattr(self._rungs, "close", None)
        if close is not None:
            close()
