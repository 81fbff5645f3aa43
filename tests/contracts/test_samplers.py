"""Every sampler: runs a study, repeats itself under one seed, and finds what is planted at least as well as chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search.artifacts import Artifacts
from search.runner import LocalRunner
from search.samplers import SAMPLERS, build_sampler
from search.secondary import sampler_view
from search.spec import SearchSpec
from search.storage.records import TrialRecord, read_record
from spaces import Corpus
from tests.support.studies import searcher_on, synthetic_factory


def run(corpus: Corpus, folder: Path, sampler: str, trials: int, seed: int = 0) -> list[TrialRecord]:
    storage = InMemoryStorage()
    searcher = searcher_on(
        corpus, storage, seed=seed, sampler=sampler, trials=trials, pruner="none", randomized_settings="drawn"
    )
    LocalRunner().run(searcher, synthetic_factory(corpus, rate_penalty=0.1), Artifacts(folder))
    found = [read_record(trial) for trial in optuna.load_study(study_name="study", storage=storage).trials]
    return [record for record in found if record is not None]


@pytest.mark.parametrize("name", SAMPLERS)
def test_equal_seeds_give_equal_studies(corpus: Corpus, tmp_path: Path, name: str) -> None:
    one, other = (run(corpus, tmp_path, name, trials=14) for _ in range(2))
    assert [record.config for record in one] == [record.config for record in other]
    assert [record.score for record in one] == [record.score for record in other]


@pytest.mark.parametrize("name", SAMPLERS)
def test_other_seeds_give_other_studies(corpus: Corpus, tmp_path: Path, name: str) -> None:
    one, other = (run(corpus, tmp_path, name, trials=10, seed=seed) for seed in (1, 2))
    assert [record.config for record in one] != [record.config for record in other]


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_best_trial_is_near_the_best_there_is(corpus: Corpus, tmp_path: Path, name: str) -> None:
    """With alpha and without beta, four of 16 mixes are best; at 24 trials every sampler must have met one."""
    best = max(record.score or 0.0 for record in run(corpus, tmp_path, name, trials=24))
    assert best > 0.25 + 0.3 - 0.06


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_made_anew_does_not_repeat_its_first_suggestion(corpus: Corpus, name: str) -> None:
    storage = InMemoryStorage()
    numbers = set()
    for _ in range(4):
        searcher = searcher_on(corpus, storage, sampler=name, randomized_share=0.0, max_consecutive_failures=9)
        assignment = searcher.ask()
        assert assignment is not None
        numbers.add(assignment.config.stages[0].learning_rate)
        searcher.fail(assignment.number, "only the suggestion is of interest")
    assert len(numbers) == 4


def test_seeds_depend_on_the_number_of_trials() -> None:
    first, later = (build_sampler("random", 0, trials) for trials in (0, 5))
    study = optuna.create_study(sampler=first)
    one = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).params["x"]
    study.sampler = later
    assert study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).params["x"] != one


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({}, "mixture"),
        ({"trials": 128}, "mixture"),
        ({"trials": 129}, "tpe"),
        ({"secondary_objective": "adapter_size"}, "tpe"),
        ({"sampler": "qmc"}, "qmc"),
    ],
)
def test_auto_is_the_sampler_that_was_nearest_the_best(fields: dict[str, Any], meant: str) -> None:
    assert SearchSpec(**fields).sampling == meant


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_was_pruned_is_seen_by_the_sampler(corpus: Corpus, tmp_path: Path, name: str) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, sampler=name, trials=30, randomized_share=0.0, pruner="asha")
    LocalRunner().run(searcher, synthetic_factory(corpus), Artifacts(tmp_path))
    trials = storage.get_all_trials(0)
    pruned = {trial.number: trial for trial in trials if trial.state is TrialState.PRUNED}
    assert pruned
    view = sampler_view(name, None)("study", storage)
    seen = {trial.number: trial for trial in view._get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    if name != "gp":  # the others look at pruned trials themselves, or at none
        assert not seen.keys() & pruned.keys()
        return
    for number, trial in pruned.items():
        assert trial.last_step is not None
        assert seen[number].value == trial.intermediate_values[trial.last_step]
