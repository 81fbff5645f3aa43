"""Studies of a world, sampled and pruned by the product's own searcher."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

from search.arms import Arms
from search.designs import design_of
from search.opening import open_search
from search.searcher import Decision, StudySearcher
from search.spec import SearchSpec
from search.storage.records import SEED, Plan, TrialRecord, read_record
from spaces import Corpus, Layout, Module, Space, SpaceSpec, Text
from tests.benchmarks.calibration.worlds import BEST_RATE, LIMITS, RUNGS, World, WorldObjective

_NOWHERE = Path("nowhere")
_RANKS = [4, 8, 16]
_RATES = (1e-4, 1e-2)


Settings = Literal["held", "drawn", "independent"]
"""Where the settings of randomized trials come from: `search.randomized_settings`, or independent draws."""
INDEPENDENT: Literal["independent"] = "independent"


class IndependentSettings(Arms):
    """The two arms, but with hyperparameters of randomized trials drawn at random instead of by the sampler."""

    def next(self, started: Sequence[FrozenTrial]) -> Plan:
        plan = super().next(started)
        if not plan.params or "learning_rate" in plan.params:  # guided, or the complement of a trial
            return plan
        rng = random.Random(plan.attributes[SEED])
        low, high = _RATES
        drawn = {"learning_rate": low * (high / low) ** rng.random(), "tuning.rank": rng.choice(_RANKS)}
        return Plan({**plan.params, **drawn}, plan.attributes)


def study_of(
    world: World, trials: int, seed: int, sampler: str = "tpe", settings: Settings = "held"
) -> tuple[optuna.Study, tuple[TrialRecord, ...]]:
    """A whole study; its first trials are what a smaller study of the same seed would have been."""
    rates = dict(zip(("low", "high"), _RATES, strict=True))
    space = _space(world, {"learning_rate": rates, "tuning": {"rank": _RANKS}})
    if settings == INDEPENDENT:
        search = SearchSpec(trials=trials, sampler=sampler)
        return _studied(
            world, space, search, seed, IndependentSettings(design_of(space, seed), search.randomized_share, seed)
        )
    return _studied(world, space, SearchSpec(trials=trials, sampler=sampler, randomized_settings=settings), seed)


def held_study_of(world: World, trials: int, seed: int, share: float | None) -> tuple[TrialRecord, ...]:
    """Trials of a study at the best settings, where only the texts are searched.

    Args:
        world: the world.
        trials: number of trials.
        seed: of the study.
        share: share of randomized trials; None for the product's own.
    """
    space = _space(world, {"learning_rate": BEST_RATE, "tuning": {"rank": _RANKS[0]}})
    shares = {} if share is None else {"randomized_share": share}
    return _studied(world, space, SearchSpec(trials=trials, **shares), seed)[1]


def _space(world: World, settings: Mapping[str, Any]) -> Space:
    corpus = Corpus(_NOWHERE, tuple(Text(name, (), name, 10, "") for name in world.texts))
    texts: dict[str, Any] = {"folder": "nowhere", "choose": world.choose}
    if world.choose == "limited":
        texts |= {"choose": "subset", "min_texts": LIMITS[0], "max_texts": LIMITS[1]}
    layout = Layout("world", 4, (Module("self_attn.q_proj", 8, 8),), context=64)
    return Space(SpaceSpec.model_validate({"texts": texts, **settings}), corpus, layout, RUNGS[-1])


def _studied(
    world: World, space: Space, search: SearchSpec, seed: int, planner: Arms | None = None
) -> tuple[optuna.Study, tuple[TrialRecord, ...]]:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name=world.name, direction="maximize")
    _run(open_search(storage, world.name, space, search, RUNGS, seed, planner=planner), WorldObjective(world))
    found = (read_record(trial) for trial in study.get_trials(deepcopy=False))
    return study, tuple(record for record in found if record is not None)


def _run(searcher: StudySearcher, objective: WorldObjective) -> None:
    while (assignment := searcher.ask()) is not None:
        rungs = objective.evaluate(assignment.config, _NOWHERE)
        with closing(rungs):  # type: ignore[type-var]  # an iterator of a generator function can be closed
            for rung in rungs:
                if searcher.report(assignment.number, rung) is not Decision.GO_ON:
                    break
