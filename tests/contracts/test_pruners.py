"""Every pruner: decides from the database alone, spares the best, and has a reason to stop what it stops."""

from __future__ import annotations

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from objectives.base import Rung
from search.pruners import PRUNERS, build_pruner
from search.searcher import Decision, StudySearcher
from spaces import Corpus
from tests.support.studies import searcher_on

_SCORES = [0.50, 0.30, 0.55, 0.20, 0.60, 0.58, 0.10, 0.62, 0.15, 0.61, 0.05, 0.64, 0.12, 0.63, 0.59, 0.11]


def play(searcher: StudySearcher, score: float) -> Decision:
    """One trial with a flat learning curve; the decision that ended it, and at which rung."""
    assignment = searcher.ask()
    assert assignment is not None
    for index, tokens in enumerate(searcher.rungs):
        items = tuple(score + 0.001 * question for question in range(-10, 10))
        rung = Rung(index, tokens, score, 0.01, base=0.0, items=items)
        if searcher.report(assignment.number, rung) is Decision.STOP:
            break
    return Decision.STOP


def states(storage: InMemoryStorage) -> list[tuple[TrialState, int]]:
    return [(trial.state, len(trial.intermediate_values)) for trial in storage.get_all_trials(0)]


@pytest.mark.parametrize("name", PRUNERS)
def test_decisions_after_a_resume_are_those_of_an_uninterrupted_study(corpus: Corpus, name: str) -> None:
    whole, resumed = InMemoryStorage(), InMemoryStorage()
    searcher = searcher_on(corpus, whole, pruner=name, randomized_share=0.0)
    for score in _SCORES:
        play(searcher, score)
    for score in _SCORES:
        play(searcher_on(corpus, resumed, pruner=name, randomized_share=0.0), score)
    assert states(resumed) == states(whole)


@pytest.mark.parametrize("name", PRUNERS)
def test_a_trial_that_beats_all_others_is_never_stopped(corpus: Corpus, name: str) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, pruner=name, randomized_share=0.0)
    for score in range(12):
        play(searcher, 0.1 + 0.05 * score)
    assert {state for state, _ in states(storage)} == {TrialState.COMPLETE}


@pytest.mark.parametrize("name", sorted(set(PRUNERS) - {"none"}))
def test_weak_trials_are_stopped(corpus: Corpus, name: str) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, pruner=name, randomized_share=0.0, trials=100)
    scores = [score + 0.001 * again for again in range(3) for score in _SCORES]
    for score in scores:
        play(searcher, score)
    ended = list(zip(scores, states(storage), strict=True))
    stopped = [score for score, (state, _) in ended if state is TrialState.PRUNED]
    kept = [score for score, (state, _) in ended if state is TrialState.COMPLETE]
    assert len(stopped) >= 5
    assert sum(stopped) / len(stopped) < sum(kept) / len(kept)


@pytest.mark.parametrize("name", sorted(set(PRUNERS) - {"none", "median"}))
def test_a_trial_that_collapses_at_its_second_rung_is_stopped_there(corpus: Corpus, name: str) -> None:
    """The median pruner looks at a trial's best rung so far, so it does not see this."""
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, pruner=name, randomized_share=0.0, trials=100)
    for score in _SCORES:
        play(searcher, score)
    ended = []
    for _ in range(9):
        assignment = searcher.ask()
        assert assignment is not None
        for index, score in enumerate((0.9, -50.0, -50.0)):
            items = tuple(score + 0.001 * question for question in range(-10, 10))
            rung = Rung(index, searcher.rungs[index], score, 0.01, base=0.0, items=items)
            if searcher.report(assignment.number, rung) is Decision.STOP:
                ended.append(index)
                break
    assert 1 in ended, "hyperband lets the trials of its later brackets pass"
    if name != "hyperband":
        assert set(ended) == {1}


def test_none_stops_nothing(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, pruner="none", randomized_share=0.0)
    for score in _SCORES:
        play(searcher, score)
    assert {state for state, _ in states(storage)} == {TrialState.COMPLETE}


@pytest.mark.parametrize("name", PRUNERS)
def test_a_randomized_trial_is_spared_whatever_the_pruner_says(corpus: Corpus, name: str) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, pruner=name, randomized_share=1.0)
    for score in _SCORES:
        play(searcher, score)
    assert {state for state, _ in states(storage)} == {TrialState.COMPLETE}


def test_asha_does_not_take_a_spared_trial_for_a_promoted_one(corpus: Corpus) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, pruner="asha", reduction_factor=2, randomized_share=1.0)
    for score in (0.9, 0.1, 0.2, 0.3):
        play(searcher, score)
    reached = [sum(key.startswith("completed_rung") for key in t.system_attrs) for t in storage.get_all_trials(0)]
    assert reached == [2, 1, 1, 2], "only the best and, of four, the second best are promoted"


def test_wilcoxon_compares_question_by_question(corpus: Corpus) -> None:
    """A trial whose mean is lower because of one question is not surely worse; one worse on all questions is."""
    pruner = build_pruner("wilcoxon", (300, 600, 900), 3)
    storage = InMemoryStorage()
    searcher = searcher_on(corpus, storage, pruner="wilcoxon", randomized_share=0.0)
    play(searcher, 0.5)
    study = optuna.load_study(study_name="study", storage=storage, pruner=pruner)
    best = tuple(0.5 + 0.001 * question for question in range(-10, 10))
    one_lower = (best[0] - 0.4, *(item + 0.001 for item in best[1:]))
    all_lower = tuple(item - 0.02 for item in best)
    for items, expected in ((one_lower, Decision.GO_ON), (all_lower, Decision.STOP)):
        assignment = searcher.ask()
        assert assignment is not None
        rung = Rung(0, 300, sum(items) / len(items), 0.01, base=0.0, items=items)
        assert searcher.report(assignment.number, rung) is expected
    assert len(study.trials) == 3
