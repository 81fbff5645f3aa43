"""Studies that stop as soon as every text is decided."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from search.spec import SearchSpec
from spaces.errors import UnfitError
from studies.analysis.confirmation import has_more
from studies.analysis.effects import text_effects
from studies.analysis.estimands import ESTIMANDS
from studies.analysis.rating import rate
from studies.analysis.stopping import TextsDecided, is_decided, stopped_early
from studies.report.standing import print_status
from studies.run.execution import Ending, Outcome
from studies.run.launch import prepare_launch, prepare_resume
from studies.run.status import status_of
from studies.storage.finding import find
from tests.support.launching import launch, local, spec_for
from tests.support.refusals import refused
from tests.support.trials import TEXTS, additive, study

EFFECTS = {"alpha": 0.3, "beta": -0.2, "gamma": 0.1, "delta": -0.1}
WHEN_DECIDED = {"trials": 80, "stop": "when_decided", "sampler": "random", "randomized_share": 1.0}


def stopping(library: Path, runs: Path, choose: str = "subset", **search: Any) -> Outcome:
    chosen = {"choose": "subset", "min_texts": 1, "max_texts": 3} if choose == "limited" else {"choose": choose}
    texts = {"folder": str(library), **chosen}
    return launch(
        library,
        runs,
        space={"texts": texts, "learning_rate": 1e-3},
        objective={"effects": EFFECTS},
        search={**WHEN_DECIDED, **search},
    )


def test_a_study_stops_once_every_text_has_a_verdict(library: Path, tmp_path: Path) -> None:
    outcome = stopping(library, tmp_path / "runs")
    assert outcome.ending is Ending.DECIDED
    assert 10 <= len(outcome.study.records) <= 40
    assert f"{len(outcome.study.records)} of at most 80" in outcome.reason
    assert {effect.verdict for effect in rate(outcome.study).effects} == {"helps", "hurts"}
    before = text_effects(outcome.study.records[:-2], TEXTS)
    assert not all(is_decided(effect, None) for effect in before), "it went on no longer than it had to"


@pytest.mark.parametrize("choose", list(ESTIMANDS))
def test_it_stops_whatever_an_effect_is(library: Path, tmp_path: Path, choose: str) -> None:
    outcome = stopping(library, tmp_path / "runs", choose, trials=120, negligible_effect=0.1)
    assert outcome.study.choose == choose
    assert outcome.ending is Ending.DECIDED
    assert len(outcome.study.records) < 120
    assert all(is_decided(effect, 0.1) for effect in rate(outcome.study).effects)


def test_a_study_that_stopped_says_so_and_does_no_more(library: Path, tmp_path: Path) -> None:
    stopped = stopping(library, tmp_path / "runs").study
    again = prepare_resume("small", tmp_path / "runs").run(local, lambda _: None)
    assert again.ending is Ending.DECIDED
    assert again.study.records == stopped.records
    assert status_of(stopped, ()).finished
    assert not has_more(stopped)
    console = Console(file=StringIO(), width=200)
    print_status(console, stopped)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "every text is decided" in said
    assert "Resume with" not in said


def test_it_goes_on_when_asked_to(library: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    stopped = stopping(library, runs).study
    search = {**WHEN_DECIDED, "stop": "at_trials", "trials": len(stopped.records) + 4}
    file = spec_for(
        library,
        space={"texts": {"folder": str(library)}, "learning_rate": 1e-3},
        objective={"effects": EFFECTS},
        search=search,
    )
    outcome = prepare_resume("small", runs, file=file, allow=True).run(local, lambda _: None)
    assert outcome.ending is Ending.FINISHED
    assert len(outcome.study.records) == len(stopped.records) + 4
    assert not stopped_early(find("small", runs)[1])


def test_useless_texts_run_to_the_last_trial_unless_little_is_nothing(library: Path, tmp_path: Path) -> None:
    texts = {"alpha": 0.3}
    whole = launch(library, tmp_path / "a", objective={"effects": texts}, search={**WHEN_DECIDED, "trials": 40})
    assert (whole.ending, len(whole.study.records)) == (Ending.FINISHED, 40)
    short = launch(
        library,
        tmp_path / "b",
        objective={"effects": texts},
        search={**WHEN_DECIDED, "trials": 40, "negligible_effect": 0.1},
    )
    assert short.ending is Ending.DECIDED
    assert len(short.study.records) < 40


def test_the_answer_depends_on_the_trials_alone() -> None:
    search = SearchSpec.model_validate({**WHEN_DECIDED, "negligible_effect": 0.05})
    trials = study(additive({"alpha": 0.3, "beta": -0.2}, 0.01), 30)
    found = [TextsDecided("subset", TEXTS, search).of(trials[:number]) for number in range(0, 60, 2)]
    assert not found[0]
    assert found[-1]
    assert [TextsDecided("subset", TEXTS, search).of(trials[number - 1 :: -1]) for number in (10, 40)] == [
        found[5],
        found[20],
    ]


def test_a_verdict_decides_and_so_does_a_sequence_near_zero() -> None:
    effects = {e.text: e for e in text_effects(study(additive({"alpha": 0.3}, 0.01), 20), TEXTS)}
    assert is_decided(effects["alpha"], None)
    assert not is_decided(effects["beta"], None)
    widest = max(abs(effects["beta"].low_anytime), abs(effects["beta"].high_anytime))
    assert is_decided(effects["beta"], 1.01 * widest)
    assert not is_decided(effects["beta"], 0.99 * widest)


def test_what_would_never_decide_is_refused(library: Path, tmp_path: Path) -> None:
    for change in ({"space": {"texts": {"folder": str(library), "choose": "all"}, "learning_rate": [1e-3, 1e-4]}}, {}):
        search = {**WHEN_DECIDED, "randomized_share": 0.0 if not change else 1.0}
        with refused("stop-without-rating"):
            prepare_launch(spec_for(library, search=search, **change), tmp_path / "runs")
    with pytest.raises((UnfitError, ValidationError), match="stop: when_decided"):
        SearchSpec(negligible_effect=0.1)
