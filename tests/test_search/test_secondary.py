"""Studies with a secondary objective: what is told, what is pruned, and what lies on the Pareto front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from search.artifacts import Artifacts
from search.pruners import PRUNERS
from search.runner import LocalRunner
from search.samplers import SAMPLERS
from search.secondary import directions
from search.spec import SearchSpec
from search.storage.records import read_record
from spaces import Corpus
from tests.support.refusals import unfit
from tests.support.studies import searcher_on, synthetic_factory


def _study(corpus: Corpus, folder: Path, **search: Any) -> optuna.Study:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="study", directions=directions("adapter_size"))
    searcher = searcher_on(corpus, storage, trials=24, secondary_objective="adapter_size", **search)
    LocalRunner().run(searcher, synthetic_factory(corpus, noise=0.01), Artifacts(folder))
    return study


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if SAMPLERS[name].objectives > 1])
def test_trials_are_told_with_both_goals(corpus: Corpus, tmp_path: Path, sampler: str) -> None:
    study = _study(corpus, tmp_path, sampler=sampler)
    assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    assert len(complete) >= 12
    for trial in complete:
        record = read_record(trial)
        assert record is not None
        assert trial.values == [record.score, record.rungs[-1].qualities["adapter_weights"]]


@pytest.mark.parametrize("second", ["text_tokens", "adapter_size"])
def test_the_sampler_does_not_propose_what_is_pruned_again_and_again(
    imagined: Corpus, tmp_path: Path, second: str
) -> None:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="study", directions=directions(second))
    searcher = searcher_on(imagined, storage, trials=48, secondary_objective=second, randomized_share=0.25)
    LocalRunner().run(searcher, synthetic_factory(imagined, noise=0.01), Artifacts(tmp_path))
    guided = [trial for trial in study.trials if trial.user_attrs["arm"] == "guided"][-16:]
    mixes = [tuple(value for name, value in sorted(trial.params.items()) if "text" in name) for trial in guided]
    assert sum(not any(mix) for mix in mixes) <= 8, "nothing is no compromise"
    assert len({str(trial.params) for trial in guided}) >= 8


@pytest.mark.parametrize("pruner", [name for name in PRUNERS if name != "hyperband"])
def test_every_pruner_looks_at_the_score_alone(corpus: Corpus, tmp_path: Path, pruner: str) -> None:
    study = _study(corpus, tmp_path, pruner=pruner)
    states = {trial.state for trial in study.trials}
    assert states <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(study.trials) == 24
    assert (TrialState.PRUNED in states) or pruner in {"none", "wilcoxon"}


def test_what_knows_one_goal_only_is_refused() -> None:
    with unfit("pruner-one-objective", "hyperband"):
        SearchSpec(secondary_objective="retention", pruner="hyperband")
    with unfit("sampler-one-objective", "cmaes"):
        SearchSpec(secondary_objective="retention", sampler="cmaes")
    with unfit("choice-unknown", "retention", "'adapter_size'"):
        SearchSpec(secondary_objective="adapter_siz")
