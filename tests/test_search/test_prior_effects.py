"""A prior opinion on the texts: what the sampler sees, and how it is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search.artifacts import Artifacts
from search.queue import SearchQueue
from search.runner import LocalRunner
from search.searcher import StudySearcher
from search.spec import SearchSpec
from spaces import Corpus
from tests.support.refusals import unfit
from tests.support.studies import searcher_on, synthetic_factory


def _searched(corpus: Corpus, folder: Path, trials: int, **search: Any) -> tuple[optuna.Study, StudySearcher]:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="study", direction="maximize")
    searcher = searcher_on(corpus, storage, trials=trials, **search)
    LocalRunner().run(searcher, synthetic_factory(corpus, noise=0.01), Artifacts(folder))
    return study, searcher


@pytest.mark.parametrize("sampler", ["tpe", "gp", "mixture"])
def test_first_trials_follow_the_opinion(imagined: Corpus, tmp_path: Path, sampler: str) -> None:
    name = imagined.names[0]
    included = {}
    for sign in (1, -1):
        search = {"sampler": sampler, "randomized_share": 0.0, "pruner": "none", "prior_effects": {name: sign * 5.0}}
        study, _ = _searched(imagined, tmp_path / f"{sign}", 6, **search)
        (key,) = {key for trial in study.trials for key in trial.params if key.endswith(name)}
        included[sign] = sum(bool(trial.params[key]) for trial in study.trials)
    assert included[1] > included[-1]


def test_imagined_trials_are_the_samplers_alone_and_fade(imagined: Corpus, tmp_path: Path) -> None:
    prior = dict.fromkeys(imagined.names, 0.1)
    study, searcher = _searched(imagined, tmp_path, 12, sampler="tpe", pruner="none", prior_effects=prior)
    assert len(study.trials) == 12, "none is in the database"
    assert isinstance(searcher._queue, SearchQueue)
    view = searcher._queue._study()
    complete = view._get_trials(states=(TrialState.COMPLETE,))
    assert len(complete) == 12 + 16 - 6
    assert not any(trial.user_attrs for trial in complete[:10])
    running = view._get_trials(states=(TrialState.RUNNING,))
    assert running == []
    real = sum(trial.values[0] for trial in complete[10:]) / 12
    assert sum(trial.values[0] for trial in complete[:10]) / 10 == pytest.approx(real, abs=0.5)


def test_an_opinion_beside_a_second_goal_is_refused() -> None:
    with unfit("prior-with-secondary-objective"):
        SearchSpec(secondary_objective="adapter_size", prior_effects={"a": 1.0})


def test_samplers_that_would_not_see_it_are_refused() -> None:
    with unfit("sampler-without-prior", "cmaes"):
        SearchSpec(sampler="cmaes", prior_effects={"a": 1.0})
