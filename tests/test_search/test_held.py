from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.arms import Arms
from search.designs import ComplementaryPairs
from search.held import HELD_TRIALS, HeldSettings, opening_trials
from search.storage.records import TrialRecord
from spaces import Corpus
from tests.support.searching import run, rung
from tests.support.studies import searcher_on

_TRIALS = 60


def _settings(record: TrialRecord) -> dict[str, object]:
    return {name: value for name, value in record.params.items() if not name.startswith("text:")}


def _best_before(found: list[TrialRecord], number: int) -> TrialRecord:
    return max((record for record in found[:number] if record.score is not None), key=lambda record: record.score or 0)


@pytest.fixture
def study(corpus: Corpus, tmp_path: Path) -> list[TrialRecord]:
    return run(corpus, tmp_path, InMemoryStorage(), trials=_TRIALS, pruner="none")


def test_a_study_opens_with_guided_trials_and_keeps_its_share(study: list[TrialRecord]) -> None:
    opening = opening_trials(_TRIALS, 0.5)
    assert opening == 15
    assert not any(record.randomized for record in study[:opening])
    assert all(record.randomized for record in study[opening : 2 * opening])
    assert sum(record.randomized for record in study) == _TRIALS / 2


def test_settings_are_those_of_the_best_trial_and_are_looked_up_again(study: list[TrialRecord]) -> None:
    randomized = [record for record in study if record.randomized]
    assert len(randomized) > HELD_TRIALS
    for start in range(0, len(randomized), HELD_TRIALS):
        group = randomized[start : start + HELD_TRIALS]
        best = _best_before(study, group[0].number)
        assert all(record.settings_of == best.number for record in group)
        assert all(_settings(record) == _settings(best) for record in group)


def test_texts_are_drawn_as_if_settings_were_not_held(study: list[TrialRecord], corpus: Corpus, tmp_path: Path) -> None:
    search = {"trials": _TRIALS, "pruner": "none", "randomized_settings": "drawn"}
    drawn = run(corpus, tmp_path / "drawn", InMemoryStorage(), **search)
    held_texts, drawn_texts = ([record.texts for record in found if record.randomized] for found in (study, drawn))
    assert held_texts == drawn_texts
    assert all(record.settings_of is None for record in drawn)
    assert len({record.config.stages[0].learning_rate for record in drawn if record.randomized}) == _TRIALS // 4


def test_a_study_of_two_launches_holds_the_same_settings(
    study: list[TrialRecord], corpus: Corpus, tmp_path: Path
) -> None:
    storage = InMemoryStorage()
    run(corpus, tmp_path / "one", storage, trials=20, pruner="none")
    again = run(corpus, tmp_path / "two", storage, trials=_TRIALS, pruner="none")
    first = [record for record in again if record.randomized][:HELD_TRIALS]
    assert len({record.settings_of for record in first}) == 1


def test_before_any_trial_is_complete_the_sampler_draws_the_settings(corpus: Corpus) -> None:
    searcher = searcher_on(corpus, trials=16, randomized_share=0.75)
    for _ in range(opening_trials(16, 0.75)):
        assert searcher.ask() is not None
    running = searcher.ask()
    assert running is not None
    trials = searcher._log._ledger.trials()
    assert trials[-1].user_attrs["arm"] == "randomized"
    assert "settings_of" not in trials[-1].user_attrs


def test_without_an_opening_settings_are_drawn_until_a_whole_group_is_complete(corpus: Corpus, tmp_path: Path) -> None:
    found = run(corpus, tmp_path, InMemoryStorage(), trials=40, pruner="none", randomized_share=1.0)
    assert [record.settings_of is None for record in found[: HELD_TRIALS + 1]] == [True] * HELD_TRIALS + [False]
    assert len({record.config.stages[0].learning_rate for record in found[:HELD_TRIALS]}) == HELD_TRIALS // 2
    assert all(record.settings_of is not None for record in found[HELD_TRIALS:])


def test_pruned_and_failed_trials_give_no_settings(corpus: Corpus) -> None:
    searcher = searcher_on(corpus, trials=16, pruner="none")
    first, second = searcher.ask(), searcher.ask()
    assert first is not None
    assert second is not None
    searcher.report(first.number, rung(searcher, 0, score=0.9))
    searcher.fail(first.number, "for the test")
    for index in range(len(searcher.rungs)):
        searcher.report(second.number, rung(searcher, index, score=0.4))
    started = searcher._log._ledger.trials()
    assert [trial.state for trial in started] == [TrialState.FAIL, TrialState.COMPLETE]
    settings, origin = HeldSettings(frozenset({"learning_rate"}), 2, opening=2).next(0, started)
    assert origin == {"settings_of": second.number}
    assert settings["learning_rate"] == started[1].params["learning_rate"]


@given(trials=st.integers(1, 300), share=st.floats(0, 1))
def test_the_opening_leaves_the_share_as_it_is(trials: int, share: float) -> None:
    arms = Arms(ComplementaryPairs(["a", "b"], 0, None), share, 0, None, opening_trials(trials, share))
    started: list[FrozenTrial] = []
    for _ in range(trials):
        plan = arms.next(started)
        bits: dict[str, BaseDistribution] = {name: IntDistribution(0, 1) for name in plan.params}
        attributes = plan.attributes
        started.append(create_trial(value=0.0, params=plan.params, distributions=bits, user_attrs=attributes))
    randomized = sum(trial.user_attrs["arm"] == "randomized" for trial in started)
    assert abs(randomized - share * trials) <= 2


def test_a_space_without_settings_has_no_opening(corpus: Corpus) -> None:
    fixed = {"tuning": {"rank": 8}, "learning_rate": 1e-3}
    searcher = searcher_on(corpus, space=fixed, trials=16)
    for _ in range(4):
        searcher.ask()
    trials = searcher._log._ledger.trials()
    assert trials[0].user_attrs["arm"] == "randomized"
    assert all("settings_of" not in trial.user_attrs for trial in trials)
