"""A study as its database has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from optuna.trial import TrialState

from objectives.questions import ItemWeights
from search.storage.records import TrialRecord
from studies.spec import StudySpec


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text as it was when the study began."""

    name: str
    sha256: str
    words: int
    tokens: int
    """Training tokens under the base's tokenizer."""
    group: str
    found: int = 0
    """Benchmark questions that stand in it."""

    @property
    def pages(self) -> float:
        """Pages of 500 words."""
        return self.words / 500


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """Everything that the database holds of a study."""

    spec: StudySpec
    """With the name that the study has in its database now."""
    begun_as: str
    """Name under which the study was launched; another program may have renamed it since."""
    url: str
    """Of its database."""
    folder: Path
    """Of its adapters and its report, where it was launched."""
    texts: tuple[StoredText, ...]
    inputs: Mapping[str, str]
    """Hashes of what scores depend on beside the texts, as they were when the study began."""
    id: str
    """Differs between any two studies, of one name, too."""
    metric: str
    """What the search maximizes."""
    holdout: ItemWeights | None
    """How the questions that the search never sees make up that metric; None where none were kept."""
    created: datetime
    versions: Mapping[str, str]
    """Package to the version that the study began with."""
    records: tuple[TrialRecord, ...]
    """Trials of the search."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """How the base reads texts and questions, as `Prepared.reading`; empty for studies of older versions."""
    confirmation: tuple[TrialRecord, ...] = ()
    """Runs on the questions that the search never saw."""

    @property
    def base(self) -> float | None:
        """Score of the untouched base on the questions of the last rung that was reached; None before the first."""
        rungs = [rung for record in self.records for rung in record.rungs]
        return max(rungs, key=lambda rung: rung.index).base if rungs else None

    def ended(self, *states: TrialState) -> tuple[TrialRecord, ...]:
        """Trials in any of these states, by number."""
        return tuple(record for record in self.records if record.state in states)

    @property
    def rates_texts(self) -> bool:
        """Whether texts differ between trials at random, so that their effects can be told."""
        return self.varies_texts and self.spec.search.randomized_share > 0

    @property
    def varies_texts(self) -> bool:
        """Whether trials differ in the texts that they train on."""
        return self.spec.space.texts.searched

    @property
    def choose(self) -> str:
        """How texts are searched: `subset`, `limited`, `weights`, `one`, or not at all: `fixed`."""
        return self.spec.space.texts.kind

    @property
    def limits(self) -> tuple[int, int] | None:
        """Fewest and most texts of a mix, where they are limited."""
        texts = self.spec.space.texts
        return (texts.min_texts or 1, texts.max_texts or len(self.texts)) if texts.limits else None

    @property
    def best(self) -> TrialRecord | None:
        """The complete trial with the highest score."""
        complete = self.ended(TrialState.COMPLETE)
        return max(complete, key=lambda record: record.score or 0.0) if complete else None
