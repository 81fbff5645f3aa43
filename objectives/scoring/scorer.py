"""The interface of scorer classes, and the result of checking an entry before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from objectives.questions import ItemWeights
from spaces import Corpus, FieldError
from spaces.kinds import load
from spaces.trial import Split, fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.base import Scorer
    from objectives.bases.encoding import TextEncoding
    from objectives.scoring.context_window import ContextWindow
    from objectives.scoring.entry import ScoreEntry
    from objectives.scoring.questions.loaded_task import LoadedTask

_FEWEST_CLUSTERS = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked entry of `objective.scores`."""

    metric: str
    inputs: Mapping[str, str]
    """Hash of each input of the score, by name."""
    holdout: ItemWeights | None
    """Weights of the held-out questions in the score; None if there are none."""
    tasks: list[LoadedTask] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    """Messages for the user about the entry."""


class ScorerClass(Protocol):
    """A class that scores a model; the class is imported when a study is prepared or run."""

    def __call__(self, spec: ScoreEntry, corpus: Corpus, model: PreTrainedModel, encoding: TextEncoding) -> Scorer: ...

    def prepare(self, spec: ScoreEntry, corpus: Corpus, window: ContextWindow, kept: Mapping[str, float]) -> Checked:
        """Check an entry, and that both splits of its questions are not empty.

        Args:
            spec: the entry.
            corpus: the texts.
            window: how the base reads questions.
            kept: share of each text's end, in [0, 1], that no trial trains on, by text name.

        Raises:
            InputError: a file, task or text of the entry is missing or cannot be used.
        """
        ...

    def samples(self, spec: ScoreEntry, corpus: Corpus, window: ContextWindow) -> list[str]:
        """Texts of a few questions of the entry, to inspect a model's attention."""
        ...


def scorer_of(spec: ScoreEntry) -> ScorerClass:
    """Load the scorer class of an entry."""
    return cast("ScorerClass", load(spec.scorer))


def splits_of(spec: ScoreEntry) -> list[Split]:
    """Splits of an entry that have questions: only "search" if there is no holdout."""
    return ["search", "holdout"] if spec.holdout else ["search"]


def task_inputs(tasks: list[LoadedTask], spec: ScoreEntry) -> dict[str, str]:
    """Return a hash of each task that changes with its questions and with the split."""
    split = (spec.holdout, spec.split_seed)
    return {f"the task {task.name!r}": fingerprint([task.digest, *split]) for task in tasks}


def refuse_few(what: str, clusters: Collection[object], spec: ScoreEntry) -> None:
    """Check that the holdout has enough passages for a confidence interval.

    Raises:
        FieldError: the holdout has too few independent questions.
    """
    if spec.holdout and len(clusters) < _FEWEST_CLUSTERS:
        raise FieldError(
            "objective.scores",
            f"{what} holds out questions on {len(clusters)} passages, and a confidence interval needs at least "
            f"{_FEWEST_CLUSTERS}. Give more questions, a larger `holdout`, or set `holdout: 0`.",
            code="passages-too-few",
        )
