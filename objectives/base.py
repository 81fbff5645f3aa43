"""Interfaces of objectives: the rungs that a trial yields, the scores of a scorer, and the result of preparation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from objectives.questions import SEARCHED, ItemWeights, QuestionSubset
from spaces import Corpus, Layout, TrialConfig
from spaces.trial import Split

FORGOTTEN = "forgotten"
"""Quality of a rung: bits per byte of held-out text minus those of the untouched base; negative is an improvement."""
TEXT_TOKENS = "text_tokens"
"""Quality of a rung: training tokens of the texts in the mix, each counted once."""
TRAIN_LOSS = "train_loss"
"""Quality of a rung: mean loss on the training text since the previous rung, in nats per token."""
ADAPTER_WEIGHTS = "adapter_weights"
"""Quality of a rung: number of trained weights."""
STATE = "state"
"""Folder within a trial's working folder for the state that resumes the trial; removed when the trial ends."""


@dataclass(frozen=True, slots=True)
class TaskMetadata:
    """The questions of one task or text that a score is computed from."""

    task: str
    version: str
    digest: str
    """Hash that changes with any content of the task."""
    questions: tuple[str, ...]
    """Hash of each question's content, in the order of the scores."""


@dataclass(frozen=True, slots=True)
class Score:
    """One measurement of a model."""

    value: float
    """Higher is better; the unit is the metric's (a probability in [0, 1], nats, or minus bits per byte)."""
    stderr: float
    """Standard error of `value` over the questions, clustered by shared passage."""
    items: tuple[float, ...]
    """Score of every question or passage, in a fixed order."""
    qualities: Mapping[str, float]
    """Other figures of the same measurement in their usual sign, such as `accuracy` in [0, 1] or `bits_per_byte`."""
    design: ItemWeights = field(compare=False)
    """Weights with which the items make up the value."""
    arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, compare=False)
    """Every metric of every question, by `task/metric`, in the order of `asked`."""
    asked: tuple[TaskMetadata, ...] = ()
    """The tasks that were scored, with their questions."""
    own_names: bool = False
    """Whether the names of the qualities are unambiguous without the number of the entry in `objective.scores`."""


@dataclass(frozen=True, slots=True)
class Rung:
    """The report of a trial at one of its budgets."""

    index: int
    """Number of the rung, from 0."""
    tokens: int
    """Training tokens so far, cumulative."""
    score: float
    """Higher is better."""
    stderr: float
    """Standard error of the score over the questions; 0 if there is only one question."""
    base: float
    """Score of the untouched base on the same questions."""
    gain_stderr: float = 0.0
    """Standard error of `score - base`, paired by question and clustered by shared passage."""
    items: tuple[float, ...] = ()
    """Score of every question."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Seconds since the previous rung, by phase."""
    qualities: Mapping[str, float] = field(default_factory=dict)
    """Other figures of the model at this rung."""
    artifact: str = ""
    """Folder of the adapter, relative to the trial's working folder; empty if nothing was trained."""

    @property
    def gain(self) -> float:
        """Score minus the score of the untouched base."""
        return self.score - self.base

    def to_dict(self) -> dict[str, Any]:
        """Return the rung as JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Rung:
        """Build a rung from the result of `to_dict`, also after a round trip through JSON."""
        return cls(**{**data, "items": tuple(data["items"])})


@runtime_checkable
class Objective(Protocol):
    """Turns a trial into scores, one rung at a time, so that the caller decides after each whether to continue."""

    @property
    def rungs(self) -> tuple[int, ...]:
        """Cumulative token budgets at which a trial reports, increasing, the same for all trials."""
        ...

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        """Run a trial, yielding a rung at every budget; artifacts are complete on disk before each yield.

        `split` says which questions the trial is scored on: those of the search, or the held-out ones.

        If `workdir` holds the state of the same trial after an interruption, the trial's last rung is yielded
        again and the run continues from there, with the scores of an uninterrupted run.
        Closing the iterator early must leave the objective ready for the next trial.
        """
        ...


class Scorer(Protocol):
    """Scores one model in its current state."""

    def score(self, part: QuestionSubset = SEARCHED) -> Score: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is known about a study before any compute is spent."""

    layout: Layout
    corpus: Corpus
    """The corpus with its tokens counted."""
    device: str
    """Device that trials use on this machine: `cpu`, `cuda` or `mps`."""
    rungs: tuple[int, ...]
    """Cumulative tokens at which every trial reports."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name of each input of the scores other than the texts (base, tasks, held-out text), mapped to its hash."""
    metric: str = "score"
    """Name of the metric that the search maximizes."""
    holdout: ItemWeights | None = None
    """Weights of the held-out questions in that metric; None if there are none."""
    qualities: tuple[str, ...] = (TEXT_TOKENS, ADAPTER_WEIGHTS)
    """Qualities of every rung that a study may use as its secondary objective."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """How the base reads texts and questions: each choice (special tokens, chat template), mapped to its value with the
    reason in parentheses."""
    found: Mapping[str, int] = field(default_factory=dict)
    """Name of each text that contains benchmark questions, mapped to their number."""
    notes: tuple[str, ...] = ()
    """Messages for the user before the study starts."""


def copied(text: str, questions: int) -> str:
    """Return a warning about a text that contains questions of the benchmark."""
    return f"{text} contains {questions} of the benchmark's questions: its effect may come from memorization."
