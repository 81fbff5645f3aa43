"""Stored form of trials: their attributes in the database, and the records that are read back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from objectives.base import Rung
from spaces import TrialConfig


class Arm(StrEnum):
    """How the texts of a trial were chosen, or the purpose of a confirmation run."""

    RANDOMIZED = "randomized"
    """Texts drawn at random. These trials are never pruned, and only they are used to estimate the effects of texts."""
    GUIDED = "guided"
    """Texts chosen by the sampler."""
    CONFIRM = "confirm"
    """Run of one of the best configurations, on held-out questions."""
    BASELINE = "baseline"
    """Run for comparison, such as the untouched base, on held-out questions."""

    @classmethod
    def _missing_(cls, value: object) -> Arm | None:
        return cls.RANDOMIZED if value == "randomised" else None  # the spelling of version 0.1


ARM = "arm"
CONFIG = "config"
DRIVER = "driver"
"""Id of the driver that runs the trial, or ran it last."""
ERROR = "error"
IDLE = "idle"
"""Names of parameters without an effect on the trial, such as the rank of a method that has none."""
LOST = "lost"
"""Number of workers that died while running the trial."""
PAIR = "pair"
PROPENSITY = "propensity"
ROLE = "role"
SEED = "seed"
SETTINGS_OF = "settings_of"
"""Number of the trial whose settings a randomized trial was given."""
SURVIVED = "survived"
"""Training tokens at the last rung that the trial survived, cumulative."""
SINGLE = "single"
"""Name of the text that the trial trains on alone, as one of the trials of every text by itself."""
STOPPED_BY_PRUNER = "pruner_would_stop"
_RUNG = "rung:"


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a trial, made before the sampler draws the other parameters."""

    params: dict[str, Any]
    """Parameters that the sampler does not choose."""
    attributes: dict[str, Any]
    """Arm, seed and, for a randomized trial, the number of its pair and its propensity."""


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial as stored in the database."""

    number: int
    arm: Arm
    pair: int | None
    """Number of the block; randomized trials of one block (`search.designs`) differ only in their texts."""
    propensity: float | None
    """Probability that each text was included; None if it is unknown, as for a guided trial."""
    config: TrialConfig
    params: Mapping[str, Any]
    """Parameters by name, without those that have no effect on this trial."""
    state: TrialState
    rungs: tuple[Rung, ...]
    error: str
    """Reason of the failure; empty if the trial did not fail."""
    seconds: float | None
    """Wall time from start to end, in seconds; None while the trial runs."""
    role: str = ""
    """Role of a confirmation run; empty for other trials."""
    single: str = ""
    """Text of a trial that is one of those of every text by itself; empty for other trials."""
    settings_of: int | None = None
    """Number of the trial whose settings this randomized trial was given; None if they were drawn."""

    @property
    def randomized(self) -> bool:
        """Whether the texts of the trial were drawn at random."""
        return self.arm is Arm.RANDOMIZED

    @property
    def score(self) -> float | None:
        """Score at the full budget, higher is better; None if the trial is not complete."""
        return self.rungs[-1].score if self.state is TrialState.COMPLETE else None

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the texts in the trial's mix."""
        return self.config.mix.names


def is_randomized(trial: FrozenTrial) -> bool:
    """Whether the texts of a trial were drawn at random."""
    return Arm(trial.user_attrs[ARM]) is Arm.RANDOMIZED


def rung_attribute(rung: Rung) -> tuple[str, dict[str, Any]]:
    """Return the attribute name and JSON value of a rung, with the scores of questions in single precision."""
    value = rung.to_dict()
    del value["index"]  # part of the name
    value["items"] = base64.b64encode(np.asarray(rung.items, dtype="<f4").tobytes()).decode()
    return f"{_RUNG}{rung.index}", value


def read_rung(trial: FrozenTrial, index: int) -> Rung | None:
    """Return a stored rung, or None if the trial has not reached that rung."""
    stored = trial.user_attrs.get(f"{_RUNG}{index}")
    if stored is None:
        return None
    items = np.frombuffer(base64.b64decode(stored["items"]), dtype="<f4")
    return Rung.from_dict({**stored, "index": index, "items": items.tolist()})


def read_record(trial: FrozenTrial) -> TrialRecord | None:
    """Return the record of a stored trial, or None if the trial does not have a configuration yet."""
    attributes = trial.user_attrs
    if CONFIG not in attributes:
        return None
    rungs = (read_rung(trial, index) for index in range(len(trial.intermediate_values)))
    return TrialRecord(
        number=trial.number,
        arm=Arm(attributes[ARM]),
        pair=attributes.get(PAIR),
        propensity=attributes.get(PROPENSITY),
        config=TrialConfig.from_dict(attributes[CONFIG]),
        params={name: value for name, value in trial.params.items() if name not in attributes.get(IDLE, ())},
        state=trial.state,
        rungs=tuple(rung for rung in rungs if rung is not None),
        error=attributes.get(ERROR, ""),
        seconds=trial.duration.total_seconds() if trial.duration else None,
        role=attributes.get(ROLE, ""),
        single=attributes.get(SINGLE, ""),
        settings_of=attributes.get(SETTINGS_OF),
    )
