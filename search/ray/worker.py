"""The worker's side of the bridge: runs one trial after the other and keeps its objective warm between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ray import tune

from objectives.base import Objective, Rung
from search.artifacts import Artifacts
from search.assignment import NO_LAST_RUNG, Assignment, ObjectiveFactory, reason, rungs_of
from spaces import TrialConfig

NUMBER = "number"
"""Key of a trial's number in what Tune hands to a worker."""
TRIAL = "trial"
"""Key of its configuration."""
SPLIT = "split"
"""Key of the questions that it is scored on."""
RUNG = "rung"
"""Key of a rung in what a worker tells."""
FAILURE = "failure"
"""Key of the reason why there is none."""
UNABLE = "unable"
"""Key of the reason why this worker can run no trial at all."""


class TrialActor(tune.Trainable):  # type: ignore[misc]
    """A trial goes on from what its working folder holds, on whichever worker it is."""

    def setup(
        self, config: dict[str, Any], objective: ObjectiveFactory | None = None, artifacts: Artifacts | None = None
    ) -> None:
        self._build = objective
        self._artifacts = artifacts
        self._objective: Objective | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._end()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next rung, or why there is none: an error that reached Tune would cost the warm worker."""
        try:
            if self._objective is None:
                self._objective = self._built()
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
        """Nothing: the objective keeps a trial's state before each rung, the rest is in the database."""

    def load_checkpoint(self, checkpoint: object) -> None:
        """Nothing; see `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        self._rungs = self._evaluate(Assignment(config[NUMBER], TrialConfig.from_dict(config[TRIAL]), config[SPLIT]))

    def _built(self) -> Objective:
        if self._build is None:
            raise RuntimeError("The worker was started without an objective.")
        return self._build()

    def _evaluate(self, assignment: Assignment) -> Iterator[Rung]:
        if self._objective is None or self._artifacts is None:
            raise RuntimeError("The worker was started without an objective, or without a place for its files.")
        yield from rungs_of(self._objective, assignment, self._artifacts)

    def _end(self) -> None:
        close = getattr(self._rungs, "close", None)
        if close is not None:
            close()
