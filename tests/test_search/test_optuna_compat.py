"""Private names of Optuna that `search.optuna_compat` uses still exist and do what they did."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.optuna_compat import StudyView, storage_operations

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

SPACE: dict[str, BaseDistribution] = {"x": FloatDistribution(0.0, 1.0)}


def _trial(x: float) -> FrozenTrial:
    return create_trial(params={"x": x}, distributions=SPACE, value=-abs(x - 0.9))


class Elsewhere(StudyView):
    """Shows twenty trials, the best of them near 0.9, beside those that are there."""

    def visible_trials(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [*(_trial(place / 20) for place in range(20)), *trials]


def _view(sampler: BaseSampler | None = None) -> Elsewhere:
    storage = InMemoryStorage()
    optuna.create_study(storage=storage, study_name="study", direction="maximize")
    return Elsewhere("study", storage, sampler=sampler)


@pytest.mark.parametrize("build", [TPESampler, GPSampler])
def test_a_sampler_sees_what_seen_returns(build: Callable[..., BaseSampler]) -> None:
    drawn = [_view(build(seed=seed, n_startup_trials=10)).ask(SPACE).params["x"] for seed in range(5)]
    nearer = [x for x in drawn if abs(x - 0.9) < 0.2]
    assert len(nearer) >= 4, f"Optuna's samplers read a study no longer by `Study._get_trials`: {drawn}"


def test_seen_is_given_all_trials_and_states_are_picked_after_it() -> None:
    view = _view()
    view.ask(SPACE)
    assert len(view.get_trials()) == 21, "`Study.get_trials` no longer goes by `Study._get_trials`"
    assert len(view.get_trials(states=(TrialState.COMPLETE,))) == 20
    assert len(view.get_trials(states=(TrialState.RUNNING,))) == 1


def test_the_cache_calls_no_other_private_operation_of_its_backend() -> None:
    cache = type(optuna.storages.get_storage(RDBStorage("sqlite:///:memory:")))
    assert cache is not RDBStorage, "Optuna puts no cache before a database any more"
    called = set(re.findall(r"\._backend\.(_\w+)\(", inspect.getsource(cache)))
    forgotten = called - storage_operations() - {"_get_stale_trial_ids"}
    assert not forgotten, f"name these in search.optuna_compat, or a lost connection is told there: {forgotten}"


def test_a_study_reaches_its_database_by_these_operations() -> None:
    used: set[str] = set()

    class Listening(RDBStorage):
        """Notes which of its operations are called from outside."""

    def noting(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def noted(*arguments: Any, **options: Any) -> Any:
            used.add(name)
            return operation(*arguments, **options)

        return noted

    for name in storage_operations():
        assert hasattr(RDBStorage, name), f"Optuna's RDBStorage has no {name} any more; see search.optuna_compat"
        setattr(Listening, name, noting(name, getattr(RDBStorage, name)))
    study = optuna.create_study(storage=Listening("sqlite:///:memory:"))
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=2)
    assert study.best_trial.number in (0, 1)
    private = {name for name in storage_operations() if name.startswith("_")}
    assert private <= used, f"Optuna's cache calls these no longer; see search.optuna_compat: {private - used}"
