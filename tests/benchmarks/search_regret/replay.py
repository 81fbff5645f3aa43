"""Pruners on learning curves that a finished study recorded, replayed in other orders."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from objectives.base import Rung
from search.storage.records import ARM, SEED, Arm, Plan, TrialRecord
from spaces import Corpus, InputError, Layout, Module, Space, SpaceSpec, Text, TrialConfig
from spaces.trial import Split
from studies.storage.store import open_store
from tests.benchmarks.search_regret.planted import Problem
from tests.benchmarks.search_regret.pruning import Cut, cuts
from tests.benchmarks.search_regret.sheets import Sheet, mean_and_interval
from tests.benchmarks.search_regret.studies import Course, study_of
from tests.benchmarks.search_regret.workers import Workers


@dataclass(frozen=True)
class Replay:
    """Objective and planner at once: recorded trials in some order, each known by the seed of its trial."""

    recorded: tuple[TrialRecord, ...]
    order: tuple[int, ...]
    all_guided: bool
    """Whether randomized trials may be stopped, too."""

    @property
    def rungs(self) -> tuple[int, ...]:
        return tuple(rung.tokens for rung in self.recorded[0].rungs)

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        yield from self.recorded[trial.seed].rungs

    def next(self, started: Sequence[FrozenTrial]) -> Plan | None:
        if len(started) == len(self.order):
            return None
        place = self.order[len(started)]
        arm = "guided" if self.all_guided else self.recorded[place].arm
        return Plan({}, {ARM: arm, SEED: place})

    def final(self, trial: TrialConfig) -> float:
        """The recorded score of a whole trial."""
        return self.recorded[trial.seed].rungs[-1].score


def recorded_in(url: str) -> dict[str, tuple[TrialRecord, ...]]:
    """The complete trials of every study in a database, by the study's name.

    Raises:
        InputError: it cannot be read, it holds no study, or a study has a pruned trial, whose curve nobody knows.
    """
    store = open_store(url)
    try:
        studies = {name: store.load(name) for name in store.names()}
    finally:
        store.close()
    if not studies:
        raise InputError(f"There is no study in {url}. Name the database of a finished one.")
    for name, study in studies.items():
        if study.ended(TrialState.PRUNED) or not study.ended(TrialState.COMPLETE):
            raise InputError(f"The study {name!r} must have whole curves only. Run it with `pruner: none`.")
    return {name: study.ended(TrialState.COMPLETE) for name, study in studies.items()}


def replay(url: str, workers: Workers, seeds: int) -> Iterator[Sheet]:
    """Every pruner on the curves of every study in a database; each seed is another order of the trials."""
    for name, recorded in recorded_in(url).items():
        for all_guided in (False, True):
            task = partial(replayed, recorded, all_guided)
            found = {cut: workers.over(partial(task, how), seeds) for cut, how in cuts().items()}
            guided = sum(all_guided or record.arm is Arm.GUIDED for record in recorded)
            note = f"{len(recorded)} whole curves, of which {guided} may be stopped; {seeds} orders of the trials."
            title = f"Pruning, recorded curves of {name!r}{', as if all were guided' if all_guided else ''}"
            yield _sheet(title, note, found)


def replayed(recorded: tuple[TrialRecord, ...], all_guided: bool, cut: Cut, seed: int) -> Course:
    """A study that is dealt the recorded trials in an order of its own."""
    order = tuple(random.Random(seed).sample(range(len(recorded)), len(recorded)))
    again = Replay(recorded, order, all_guided)
    best = max(record.rungs[-1].score for record in recorded)
    problem = Problem(_nothing_to_search(), again, again.final, best, recorded[0].rungs[-1].base)
    search: dict[str, Any] = {
        "trials": len(recorded),
        "sampler": "random",
        "pruner": cut.pruner,
        "reduction_factor": cut.reduction,
    }
    return study_of(problem, seed, again, **search)


def _nothing_to_search() -> Space:
    """A space of one trial: what a trial was stands in the record."""
    corpus = Corpus(Path("nowhere"), (Text("text", (), "text", 1, ""),))
    spec = SpaceSpec.model_validate({"texts": {"folder": "nowhere", "choose": "all"}})
    return Space(spec, corpus, Layout("recorded", 1, (Module("self_attn.q_proj", 8, 8),), context=8), 1)


def _sheet(title: str, note: str, found: dict[str, list[Course]]) -> Sheet:
    rows = []
    for name, courses in found.items():
        regrets = np.array([course.regret[-1] for course in courses])
        rows.append(
            (
                name,
                mean_and_interval([course.saved for course in courses], 3),
                mean_and_interval([course.saved_of_guided for course in courses], 3),
                mean_and_interval(regrets, 4),
                f"{(regrets > 0).mean():.0%}",
            )
        )
    return Sheet(
        title, note, ("", "tokens saved", "of guided trials", "regret", "orders that lost the best"), tuple(rows)
    )
