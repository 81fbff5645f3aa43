"""A searcher that tests drive by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
from optuna.storages import InMemoryStorage

from objectives.base import Rung
from search.artifacts import Artifacts
from search.runner import LocalRunner
from search.searcher import StudySearcher
from search.storage.records import TrialRecord, read_record
from spaces import Corpus
from tests.support.studies import searcher_on, synthetic_factory


def records(storage: InMemoryStorage) -> list[TrialRecord]:
    trials = optuna.load_study(study_name="study", storage=storage).trials
    return [record for trial in trials if (record := read_record(trial)) is not None]


def run(corpus: Corpus, tmp_path: Path, storage: InMemoryStorage, **search: Any) -> list[TrialRecord]:
    LocalRunner().run(
        searcher_on(corpus, storage, **search), synthetic_factory(corpus, noise=0.02), Artifacts(tmp_path)
    )
    return records(storage)


def rung(searcher: StudySearcher, index: int, score: float = 0.5) -> Rung:
    return Rung(index, searcher.rungs[index], score, 0.01, base=0.25, items=(0.25, 0.75))
