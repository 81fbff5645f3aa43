"""What a class that measures has, and what it knows of an entry before anything is trained."""

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
    """An entry of `objective.scores`, checked."""

    metric: str
    inputs: Mapping[str, str]
    """What it measures on, with its hash."""
    holdout: ItemWeights | None
    """How the questions that the search never sees make up the score; None where none are kept."""
    tasks: list[LoadedTask] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    """What the user should know of it."""


class ScorerClass(Protocol):
    """A class that measures a model; it is imported when a study is prepared or run."""

    def __call__(self, spec: ScoreEntry, corpus: Corpus, model: PreTrainedModel, encoding: TextEncoding) -> Scorer: ...

    def prepare(self, spec: ScoreEntry, corpus: Corpus, window: ContextWindow, kept: Mapping[str, float]) -> Checked:
        """Check an entry, and that both splits of its questions hold some.

        Args:
            spec: the entry.
            corpus: the texts.
            window: how the base reads questions.
            kept: text to the share of its end, in [0, 1], that no trial trains on.

        Raises:
            InputError: something that the entry needs is missing or cannot be used.
        """
        ...

    def samples(self, spec: ScoreEntry, corpus: Corpus, window: ContextWindow) -> list[str]:
        """Texts of a few of its questions, for a look at where a model attends."""
        ...


def scorer_of(spec: ScoreEntry) -> ScorerClass:
    """The class that measures an entry."""
    return cast("ScorerClass", load(spec.scorer))


def splits_of(spec: ScoreEntry) -> list[Split]:
    """Parts of the questions that hold some: one where none are kept from the search."""
    return ["search", "holdout"] if spec.holdout else ["search"]


def task_inputs(tasks: list[LoadedTask], spec: ScoreEntry) -> dict[str, str]:
    """Hashes of tasks, which change with their questions and with the split."""
    split = (spec.holdout, spec.split_seed)
    return {f"the task {task.name!r}": fingerprint([task.digest, *split]) for task in tasks}


def refuse_few(what: str, clusters: Collection[object], spec: ScoreEntry) -> None:
    """See that the half that confirms can say how sure it is.

    Raises:
        FieldError: it holds too few questions that are independent of each other.
    """
    if spec.holdout and len(clusters) < _FEWEST_CLUSTERS:
        raise FieldError(
            "objective.scores",
            f"{what} keeps questions on {len(clusters)} passages from the search, and an interval wants at least "
            f"{_FEWEST_CLUSTERS}. Give more questions, a larger `holdout`, or set `holdout: 0`.",
            code="passages-too-few",
        )
