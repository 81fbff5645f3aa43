"""The seams of the objective: what a trial yields, what a scorer returns, what must be known before compute."""

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
"""Quality of a rung: bits per byte of held-out text above those of the untouched base; below zero, less."""
TEXT_TOKENS = "text_tokens"
"""Quality of a rung: training tokens of the texts in the mix, each counted once."""
TRAIN_LOSS = "train_loss"
"""Quality of a rung: mean loss on the training text since the rung before, in nats per token."""
ADAPTER_WEIGHTS = "adapter_weights"
"""Quality of a rung: weights that were trained."""
STATE = "state"
"""Folder within a trial's working folder for what is only needed to go on with the trial; removed at its end."""


@dataclass(frozen=True, slots=True)
class TaskMetadata:
    """The questions of one task or text that a score rests on."""

    task: str
    version: str
    digest: str
    """Changes with anything that the task asks."""
    questions: tuple[str, ...]
    """Hashes of their content, in the order of their scores."""


@dataclass(frozen=True, slots=True)
class Score:
    """One measurement of a model."""

    value: float
    """Higher is better; the unit is the metric's (a probability in [0, 1], nats, or minus bits per byte)."""
    stderr: float
    """Standard error of `value` over the questions, those that share a passage taken together."""
    items: tuple[float, ...]
    """Score of every question or passage, in an order that never changes."""
    qualities: Mapping[str, float]
    """Other figures of the same measurement, such as `accuracy` in [0, 1] or `bits_per_byte`, as people know them."""
    design: ItemWeights = field(compare=False)
    """How the items make up the value."""
    arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, compare=False)
    """Every metric of every question, `task/metric`, in the order of `asked`."""
    asked: tuple[TaskMetadata, ...] = ()
    own_names: bool = False
    """Whether the names of its qualities say by themselves what was measured, wherever it stands among the entries."""


@dataclass(frozen=True, slots=True)
class Rung:
    """The report of a trial at one of its budgets."""

    index: int
    """0 for the first."""
    tokens: int
    """Training tokens so far, cumulative."""
    score: float
    """Higher is better."""
    stderr: float
    """Standard error of the score over the questions; 0 where there is one question only."""
    base: float
    """Score of the untouched base on the same questions."""
    gain_stderr: float = 0.0
    """Standard error of `score - base`, paired by question, questions that share a passage taken together."""
    items: tuple[float, ...] = ()
    """Score of every question."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Where the time since the rung before went, by phase."""
    qualities: Mapping[str, float] = field(default_factory=dict)
    """Other figures of the model at this rung."""
    artifact: str = ""
    """Folder of the adapter, relative to the trial's working folder; empty where nothing was trained."""

    @property
    def gain(self) -> float:
        """Points gained over the untouched base."""
        return self.score - self.base

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Rung:
        """The inverse of `to_dict`, also after a round trip through JSON."""
        return cls(**{**data, "items": tuple(data["items"])})


@runtime_checkable
class Objective(Protocol):
    """Turns a trial into scores; written so that the caller decides after each one whether to go on."""

    @property
    def rungs(self) -> tuple[int, ...]:
        """Cumulative token budgets at which a trial reports, increasing, equal for all trials."""
        ...

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        """Run a trial, yielding a rung at every budget; artifacts are complete on disk before each yield.

        `split` says which questions it is scored on: those of the search, or those that the search never sees.

        Where `workdir` holds the state of the same trial, cut off earlier, that trial's last rung is yielded
        again and the run goes on from there, with the scores that it would have had without the break.
        Closing the iterator early must leave the objective ready for the next trial.
        """
        ...


class Scorer(Protocol):
    """Measures the model that it was made for, in that model's present state."""

    def score(self, part: QuestionSubset = SEARCHED) -> Score: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is known about a study before any compute is spent."""

    layout: Layout
    corpus: Corpus
    """With its tokens counted."""
    device: str
    """`cpu`, `cuda` or `mps`: where trials will run on this machine."""
    rungs: tuple[int, ...]
    """Cumulative tokens at which every trial reports."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Names of what scores depend on beside the texts (base, tasks, held-out text), to hashes of their content."""
    metric: str = "score"
    """What the search maximizes."""
    holdout: ItemWeights | None = None
    """How the questions that the search never sees make up that metric; None where none were kept."""
    qualities: tuple[str, ...] = (TEXT_TOKENS, ADAPTER_WEIGHTS)
    """Qualities of every rung that a study may take as its secondary objective."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """How the base reads texts and questions: name of a choice (special tokens, chat template) to what was chosen, with
    the reason in brackets."""
    found: Mapping[str, int] = field(default_factory=dict)
    """Name of a text to the number of benchmark questions that stand in it, where there are any."""
    notes: tuple[str, ...] = ()
    """What the user should know before the study starts."""


def copied(text: str, questions: int) -> str:
    """A warning about a text that holds questions of the benchmark."""
    return f"{text} holds {questions} of the benchmark's questions: its effect may be learned by heart."
