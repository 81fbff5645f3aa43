"""`mixtune estimate`: laws of the simulation, and the whole on a small study."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search.spec import SearchSpec
from spaces import Corpus, Layout, Space, SpaceSpec
from studies.run.estimate.simulation import Simulated, Times, simulate
from tests.support.commands import call, fails
from tests.support.scenes import STUDY, place

__all__ = ["place"]

RUNGS = (300, 600, 900)
STEP = 10


def play(
    corpus: Corpus, layout: Layout, workers: int, seed: int = 0, epochs: float | None = None, **search: Any
) -> Simulated:
    texts = {"folder": "x", "max_epochs": epochs}
    spec = SpaceSpec.model_validate({"texts": texts, "learning_rate": {"low": 1e-4, "high": 1e-2}})
    tokens = dict.fromkeys(corpus.names, 200)
    space = Space(spec, corpus, layout, RUNGS[-1])
    chosen = SearchSpec.model_validate({"trials": 40, "sampler": "random", **search})
    return simulate(space, chosen, RUNGS, STEP, Times(step=0.1, score=1.0, final=2.0, save=0.5), workers, seed, tokens)


WHOLE = 90 * 0.1 + 2 * 1.0 + 2.0 + 3 * 0.5
"""Seconds of a trial that is not pruned."""


@settings(max_examples=10)
@given(workers=st.integers(1, 6), seed=st.integers(0, 50))
def test_without_pruning_trials_fill_the_workers(imagined: Corpus, layout: Layout, workers: int, seed: int) -> None:
    found = play(imagined, layout, workers, seed, pruner="none")
    least, most = math.floor(found.tokens * 40 / workers) * WHOLE, math.ceil(40 / workers) * WHOLE
    assert least - 1e-6 <= found.seconds <= most + 1e-6
    assert found.pruned == 0
    assert found.tokens <= 1, "trials on no text cost nothing"


def test_a_study_of_random_trials_is_never_pruned(imagined: Corpus, layout: Layout) -> None:
    assert play(imagined, layout, 2, randomized_share=1).pruned == 0


def test_pruning_saves_time_and_tokens(imagined: Corpus, layout: Layout) -> None:
    whole, pruned = (play(imagined, layout, 2, pruner=pruner, randomized_share=0) for pruner in ("none", "asha"))
    assert pruned.pruned > 4
    assert pruned.seconds < 0.9 * whole.seconds
    assert pruned.tokens < whole.tokens


def test_a_long_study_goes_on_at_the_pace_of_its_beginning(imagined: Corpus, layout: Layout) -> None:
    short, long = play(imagined, layout, 2, trials=200), play(imagined, layout, 2, trials=1000)
    assert long.pace == pytest.approx(short.pace)
    assert long.seconds == pytest.approx(5 * short.seconds)


def test_texts_that_may_be_read_once_take_less_time(imagined: Corpus, layout: Layout) -> None:
    whole, once = (play(imagined, layout, 2, epochs=epochs, randomized_share=1, trials=40) for epochs in (None, 1))
    assert once.seconds < 0.75 * whole.seconds
    assert once.tokens < 0.5, "three texts of 200 tokens are 600 of 900, and half of them are in"


@pytest.mark.parametrize("seed", range(5))
def test_a_study_of_one_trial_takes_the_time_of_one(imagined: Corpus, layout: Layout, seed: int) -> None:
    alone, beside = (play(imagined, layout, workers, seed, trials=1, pruner="none") for workers in (1, 4))
    assert 0.5 * WHOLE < alone.seconds <= WHOLE
    assert beside.seconds == pytest.approx(alone.seconds, rel=0.3), "other workers make one trial no faster"


@pytest.mark.parametrize("pruner", ["asha", "hyperband", "median", "wilcoxon"])
def test_every_pruner_can_be_played(imagined: Corpus, layout: Layout, pruner: str) -> None:
    assert play(imagined, layout, 3, pruner=pruner).seconds > 0


@pytest.mark.torch
def test_a_study_is_estimated_without_being_begun(place: Path) -> None:
    done = call("estimate", "study.yaml", "--local", "--hours", "0.5")
    assert done.exit_code == 0, done.output
    for words in (
        "training tokens/s",
        "one trial",
        "10 trials",
        "confirmation",
        "disk",
        "memory",
        "In 30 minutes",
    ):
        assert words in done.output
    assert "The study fits this machine." in done.output
    assert not (place / "runs" / "scenes" / "study.db").exists()
    assert call("status").output.startswith("There is no study")


@pytest.mark.torch
def test_what_a_study_cannot_have_is_told_before(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**STUDY, "objective": {**STUDY["objective"], "sequence_length": 5000}}  # type: ignore[dict-item]
    (place / "study.yaml").write_text(yaml.safe_dump(broken))
    where = {"code": "length-above-context", "field": "objective.sequence_length"}
    said = fails(capsys, monkeypatch, "estimate", "study.yaml", "--local", **where)
    assert "study.yaml, line" in said
    assert "256" in said


def test_a_study_that_trains_nothing_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic = {**STUDY, "objective": {"kind": "synthetic", "effects": {"alpha": 1}}}
    (place / "study.yaml").write_text(yaml.safe_dump(synthetic))
    said = fails(capsys, monkeypatch, "estimate", "study.yaml", "--local", code="objective-trains-nothing")
    assert "synthetic" in said


@pytest.mark.ray
@pytest.mark.torch
def test_workers_of_ray_measure_at_once(place: Path) -> None:
    study = yaml.safe_load((place / "study.yaml").read_text())
    study["search"]["workers"] = 2
    (place / "study.yaml").write_text(yaml.safe_dump(study))
    done = call("estimate", "study.yaml")
    assert done.exit_code == 0, done.output
    assert "on each of 2 workers" in done.output
