"""Messages between the two sides of the bridge to Tune, without a Ray."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from objectives.base import Rung
from search.artifacts import Artifacts
from search.assignment import Assignment
from search.ray.bridge import Guarded, TuneSearcher
from search.ray.worker import RUNG, TrialActor
from search.searcher import StudySearcher
from spaces import Corpus, TrialConfig
from spaces.trial import Split
from tests.support.studies import searcher_on


class Noting:
    """Tells one rung, and notes which questions it was to ask."""

    rungs = (900,)

    def __init__(self) -> None:
        self.asked: list[Split] = []

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        self.asked.append(split)
        yield Rung(0, 900, 0.5, 0.1, base=0.25)


def _first(corpus: Corpus) -> Assignment:
    given = searcher_on(corpus).ask()
    assert given is not None
    return given


@pytest.mark.parametrize("split", ["search", "holdout"])
def test_a_worker_asks_the_questions_that_the_searcher_names(corpus: Corpus, tmp_path: Path, split: Split) -> None:
    given = _first(corpus)

    class Named(StudySearcher):
        def __init__(self) -> None:
            pass

        def ask(self) -> Assignment | None:
            return replace(given, split=split)

    trials = TuneSearcher(Guarded(Named()))
    config = trials.suggest("a trial of Tune's")
    trials.close()
    assert isinstance(config, dict)
    objective = Noting()
    actor = TrialActor.__new__(TrialActor)
    actor.setup(config, objective=lambda: objective, artifacts=Artifacts(str(tmp_path)))
    assert actor.step()[RUNG].score == 0.5
    assert objective.asked == [split]
