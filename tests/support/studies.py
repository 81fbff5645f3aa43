"""Small studies for tests: a synthetic objective whose effects are known, and a searcher on any database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage

import objectives
from objectives.spec import SyntheticSpec
from search.assignment import ObjectiveFactory
from search.events import Event
from search.opening import open_search
from search.searcher import StudySearcher
from search.spec import SearchSpec
from search.storage.drivers import Driver
from spaces import Corpus, Space, SpaceSpec

STUDY = """\
name: quick
space:
  texts: {folder: library}
  learning_rate: {low: 1e-4, high: 1e-2}
objective:
  kind: synthetic
  effects: {alpha: 0.3, beta: -0.2}
  noise: 0.01
search: {trials: 12, sampler: tpe, confirm: {best: 0}}
"""
"""A study file for a folder that holds the texts of the fixture `library`; programs that run it import no torch."""

EFFECTS = {"alpha": 0.3, "beta": -0.2}


def synthetic(**fields: Any) -> SyntheticSpec:
    return SyntheticSpec.model_validate({"kind": "synthetic", "effects": EFFECTS, **fields})


def synthetic_factory(corpus: Corpus, **fields: Any) -> ObjectiveFactory:
    return partial(objectives.build, synthetic(**fields), corpus, Path("unused"))


def fill_up(storage: RDBStorage, spare_pages: int) -> None:
    """Let an SQLite database grow by so many pages and no further, as on a disk that fills up."""

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + spare_pages}")

    sqlalchemy.event.listen(storage.engine, "connect", limit)
    storage.engine.dispose()


def searcher_on(
    corpus: Corpus,
    storage: BaseStorage | None = None,
    *,
    name: str = "study",
    space: dict[str, Any] | None = None,
    objective: SyntheticSpec | None = None,
    seed: int = 0,
    watch: Callable[[Event], None] = lambda _: None,
    driver: Driver | None = None,
    **search: Any,
) -> StudySearcher:
    """A searcher on a study that is made where it does not exist, by TPE where no sampler is named: the quickest."""
    storage = storage or InMemoryStorage()
    optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    prepared = objectives.prepare(objective or synthetic(), corpus, Path("unused"))
    fields = {"learning_rate": {"low": 1e-4, "high": 1e-2}, "tuning": {"rank": [4, 8]}, **(space or {})}
    spec = SpaceSpec.model_validate({"texts": {"folder": str(corpus.folder), **fields.pop("texts", {})}, **fields})
    made = Space(spec, corpus, prepared.layout, prepared.rungs[-1])
    return open_search(
        storage, name, made, SearchSpec(**{"sampler": "tpe", **search}), prepared.rungs, seed, watch, driver
    )
