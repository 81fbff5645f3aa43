"""A study as stored in its database."""

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
    """A text as it was when it came to the study."""

    name: str
    sha256: str
    words: int
    tokens: int
    """Training tokens under the base's tokenizer."""
    group: str
    found: int = 0
    """Number of benchmark questions that the text contains."""
    since: int = 0
    """Number of trials that the study had when the text was added; 0 if at its launch."""
    removed: bool = False
    """Whether the text was removed from the study; its trials stay."""

    @property
    def pages(self) -> float:
        """Number of pages of 500 words."""
        return self.words / 500


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """Everything that the database stores about a study."""

    spec: StudySpec
    """Specification of the study, with its current name in the database."""
    launched_as: str
    """Name under which the study was launched; another program may have renamed it since."""
    url: str
    """URL of the study's database."""
    folder: Path
    """Folder of the study's adapters and report, where it was launched."""
    texts: tuple[StoredText, ...]
    """All texts that the study has ever had, in the order in which they came."""
    inputs: Mapping[str, str]
    """Hashes, at launch, of all inputs on which scores depend in addition to the texts."""
    id: str
    """Identifier that differs between any two studies, even of the same name."""
    metric: str
    """Metric that the search maximizes."""
    holdout: ItemWeights | None
    """Weights of the questions that the search never sees in the metric; None if no questions are held out."""
    created: datetime
    versions: Mapping[str, str]
    """Version at launch by package."""
    records: tuple[TrialRecord, ...]
    """Trials of the search."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """How the base reads texts and questions, as `Prepared.reading`; empty for studies of older versions."""
    confirmation: tuple[TrialRecord, ...] = ()
    """Runs on the questions that the search never saw."""

    @property
    def base(self) -> float | None:
        """Score of the untouched base on the questions of the last rung reached; None if no rung was reached."""
        rungs = [rung for record in self.records for rung in record.rungs]
        return max(rungs, key=lambda rung: rung.index).base if rungs else None

    def ended(self, *states: TrialState) -> tuple[TrialRecord, ...]:
        """Return the trials in any of these states, by number."""
        return tuple(record for record in self.records if record.state in states)

    @property
    def rates_texts(self) -> bool:
        """Whether texts differ between trials at random, so that their effects can be estimated."""
        return self.varies_texts and self.spec.search.randomized_share > 0

    @property
    def varies_texts(self) -> bool:
        """Whether trials differ in the texts that they train on."""
        return self.spec.space.texts.searched

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the texts that new trials may train on."""
        return tuple(text.name for text in self.texts if not text.removed)

    @property
    def choose(self) -> str:
        """Kind of the search over texts: `subset`, `limited`, `weights`, `one`, or `fixed` for no search."""
        return self.spec.space.texts.kind

    @property
    def limits(self) -> tuple[int, int] | None:
        """Minimum and maximum number of texts of a mix; None if not limited."""
        texts = self.spec.space.texts
        return (texts.min_texts or 1, texts.max_texts or len(self.present)) if texts.limits else None

    @property
    def best(self) -> TrialRecord | None:
        """Complete trial with the highest score; None if no trial is complete."""
        complete = self.ended(TrialState.COMPLETE)
        return max(complete, key=lambda record: record.score or 0.0) if complete else None
