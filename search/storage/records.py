"""How a trial stands in the database: what is written as it goes, and how it is read back."""

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
    """Who chose the texts of a trial, or what a run of the confirmation is for."""

    RANDOMIZED = "randomized"
    """Coin flips chose the texts. Such trials are never pruned, and the effects of texts rest on them alone."""
    GUIDED = "guided"
    """The sampler chose the texts."""
    CONFIRM = "confirm"
    """A run of one of the best configurations, on questions that the search never saw."""
    BASELINE = "baseline"
    """A run to compare those with, such as the untouched base."""

    @classmethod
    def _missing_(cls, value: object) -> Arm | None:
        return cls.RANDOMIZED if value == "randomised" else None  # as studies of version 0.1 spell it


ARM = "arm"
CONFIG = "config"
DRIVER = "driver"
"""Who runs the trial, or ran it last."""
ERROR = "error"
IDLE = "idle"
"""Names of parameters without an effect on the trial, such as the rank of a method that has none."""
LOST = "lost"
"""How many workers died on the trial."""
PAIR = "pair"
PROPENSITY = "propensity"
ROLE = "role"
SEED = "seed"
SURVIVED = "survived"
"""Tokens of the last rung at which it was decided that the trial goes on."""
STOPPED_BY_PRUNER = "pruner_would_stop"
_RUNG = "rung:"


@dataclass(frozen=True, slots=True)
class Plan:
    """A trial as it is decided before the sampler sees it."""

    params: dict[str, Any]
    """Parameters that are not the sampler's to choose."""
    attributes: dict[str, Any]
    """Arm, seed and, for a randomized trial, its pair."""


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial as the database tells it."""

    number: int
    arm: Arm
    pair: int | None
    """Randomized trials with the same number (a block, `search.designs`) differ in their texts alone."""
    propensity: float | None
    """Probability with which each text was included; empty for a guided trial, where it is unknown."""
    config: TrialConfig
    params: Mapping[str, Any]
    """What the sampler drew, by parameter name; only what has an effect on this trial."""
    state: TrialState
    rungs: tuple[Rung, ...]
    error: str
    """Why it failed; empty where it did not."""
    seconds: float | None
    """Wall time from its start to its end; empty while it runs."""
    role: str = ""
    """What a run of the confirmation stands for."""

    @property
    def randomized(self) -> bool:
        """Whether coin flips chose its texts."""
        return self.arm is Arm.RANDOMIZED

    @property
    def score(self) -> float | None:
        """The score at the full budget; empty for a trial that did not reach it."""
        return self.rungs[-1].score if self.state is TrialState.COMPLETE else None

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of its mix."""
        return self.config.mix.names


def is_randomized(trial: FrozenTrial) -> bool:
    """Whether coin flips chose the texts of a trial."""
    return Arm(trial.user_attrs[ARM]) is Arm.RANDOMIZED


def rung_attribute(rung: Rung) -> tuple[str, dict[str, Any]]:
    """Name and JSON value under which a rung is stored: all of it, the scores of questions in single precision."""
    value = rung.to_dict()
    del value["index"]  # it stands in the name
    value["items"] = base64.b64encode(np.asarray(rung.items, dtype="<f4").tobytes()).decode()
    return f"{_RUNG}{rung.index}", value


def read_rung(trial: FrozenTrial, index: int) -> Rung | None:
    """A stored rung, or None where the trial has not reached it."""
    stored = trial.user_attrs.get(f"{_RUNG}{index}")
    if stored is None:
        return None
    items = np.frombuffer(base64.b64decode(stored["items"]), dtype="<f4")
    return Rung.from_dict({**stored, "index": index, "items": items.tolist()})


def read_record(trial: FrozenTrial) -> TrialRecord | None:
    """A trial of the database, or None for one that was only queued."""
    attributes = trial.user_attrs
    if CONFIG not in attributes:
        return None
    found = (read_rung(trial, index) for index in range(len(trial.intermediate_values)))
    return TrialRecord(
        number=trial.number,
        arm=Arm(attributes[ARM]),
        pair=attributes.get(PAIR),
        propensity=attributes.get(PROPENSITY),
        config=TrialConfig.from_dict(attributes[CONFIG]),
        params={name: value for name, value in trial.params.items() if name not in attributes.get(IDLE, ())},
        state=trial.state,
        rungs=tuple(rung for rung in found if rung is not None),
        error=attributes.get(ERROR, ""),
        seconds=trial.duration.total_seconds() if trial.duration else None,
        role=attributes.get(ROLE, ""),
    )
