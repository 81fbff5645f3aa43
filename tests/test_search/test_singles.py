from __future__ import annotations

from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search.singles import refuse_single_texts
from spaces import Corpus, Layout, Module, Space, SpaceSpec
from tests.support.refusals import refused
from tests.support.searching import run, rung
from tests.support.studies import searcher_on

_CHOICES = {
    "subset": {"choose": "subset"},
    "one": {"choose": "one"},
    "weights": {"choose": "weights"},
    "limited": {"choose": "subset", "max_texts": 2},
}


@pytest.mark.parametrize("choose", _CHOICES)
def test_every_text_is_first_run_by_itself_with_equal_settings_and_seed(choose: str, corpus: Corpus) -> None:
    searcher = searcher_on(corpus, space={"texts": _CHOICES[choose]}, trials=20, single_texts=True)
    configs = []
    for _ in corpus.names:
        assignment = searcher.ask()
        assert assignment is not None
        configs.append(assignment.config)
    assert [config.mix.names for config in configs] == [(name,) for name in corpus.names]
    assert len({(config.seed, config.stages[0].learning_rate, config.stages[0].tuning) for config in configs}) == 1
    other = searcher.ask()
    assert other is not None
    assert "single" not in searcher._log._ledger.trial(other.number).user_attrs


def test_single_texts_are_never_pruned(corpus: Corpus) -> None:
    searcher = searcher_on(corpus, trials=20, single_texts=True, pruner="median")
    for score in (0.9, 0.8, 0.7, 0.1)[: len(corpus.names)]:
        assignment = searcher.ask()
        assert assignment is not None
        for index in range(len(searcher.rungs)):
            searcher.report(assignment.number, rung(searcher, index, score=score))
    assert {trial.state for trial in searcher._log._ledger.trials()} == {TrialState.COMPLETE}


def test_after_them_the_study_goes_on_as_usual(corpus: Corpus, tmp_path: Path) -> None:
    found = run(corpus, tmp_path, InMemoryStorage(), trials=24, single_texts=True, pruner="none")
    singles = [record for record in found if record.single]
    assert [record.number for record in singles] == list(range(len(corpus.names)))
    assert not any(record.randomized for record in singles)
    assert sum(record.randomized for record in found) == (24 - len(singles)) / 2, "half of the others"


@pytest.mark.parametrize("texts", [{"min_texts": 2}, {"choose": "all"}])
def test_where_no_text_can_be_alone_single_texts_are_refused(texts: dict[str, object], corpus: Corpus) -> None:
    space = Space(
        SpaceSpec.model_validate({"texts": {"folder": "x", **texts}, "learning_rate": [1e-3, 1e-2]}),
        corpus,
        Layout("base", 2, (Module("self_attn.q_proj", 8, 8),), context=64),
        900,
    )
    with refused("single-texts-impossible", field="search.single_texts"):
        refuse_single_texts(space)
