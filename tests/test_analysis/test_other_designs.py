"""Texts alone, and shares of texts."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState
from rich.console import Console

from search.designs import DisjointPairs
from search.storage.records import TrialRecord
from spaces import Corpus, CorpusMix, Text
from spaces.dimensions.limited import LimitedDimension
from spaces.spec import TextsSpec
from studies.analysis.alone import effects_alone
from studies.analysis.ranking import rank_by
from studies.analysis.rating import rate
from studies.analysis.units import unit_of
from studies.analysis.weights import share_effects, swap_effects
from studies.report.rating_words import enough_sentence, headline, lost_sentence
from studies.report.tables import rating_table
from studies.report.terminal import print_rating
from studies.run.launch import prepare_launch
from studies.spec import StudySpec
from studies.storage.store import Store
from studies.storage.stored import StoredStudy
from tests.support.launching import local, spec_for
from tests.support.reports import written
from tests.support.texts import write_library
from tests.support.trials import TEXTS, record


def corpus_of(names: tuple[str, ...]) -> Corpus:
    return Corpus(Path("x"), tuple(Text(name, (), name, 10, "") for name in names))


def alone(repeats: int, noise: float, seed: int) -> list[TrialRecord]:
    rng = np.random.default_rng(seed)
    gains = {"alpha": 0.3, "beta": 0.0, "gamma": -0.2, "delta": 0.0}
    rounds = [(text, block) for block in range(repeats) for text in TEXTS]
    return [
        record(i, (text,), 0.2 + gains[text] + rng.normal(0, noise), pair=block)
        for i, (text, block) in enumerate(rounds)
    ]


def test_texts_alone_are_gains_over_the_base() -> None:
    found = {effect.text: effect for effect in effects_alone(alone(9, 0.03, 0), TEXTS)}
    assert found["alpha"].verdict == "helps"
    assert found["alpha"].effect == pytest.approx(0.3, abs=0.05)
    assert found["gamma"].verdict == "hurts"
    assert {effect.blocks for effect in found.values()} == {9}


def test_intervals_of_texts_alone_hold() -> None:
    held = [
        effect.low <= {"alpha": 0.3, "gamma": -0.2}.get(effect.text, 0.0) <= effect.high
        for seed in range(300)
        for effect in effects_alone(alone(4, 0.1, seed), TEXTS)
    ]
    assert 0.93 <= np.mean(held) <= 0.97


def swaps(gains: dict[str, float], pairs: int, noise: float, seed: int) -> list[TrialRecord]:
    """Pairs of mixes of one to three texts."""
    design = DisjointPairs(TEXTS, seed, (1, 3))
    dimension = LimitedDimension(TextsSpec(folder=Path("x"), max_texts=3), corpus_of(TEXTS))
    rng = np.random.default_rng(seed)
    mixes = [(dimension.decode(dict(params)).names, pair) for pair in range(pairs) for params in design.block(pair)]
    return [
        record(i, names, sum(gains.get(name, 0.0) for name in names) + rng.normal(0, noise), pair=pair)
        for i, (names, pair) in enumerate(mixes)
    ]


def test_an_effect_in_so_many_texts_is_that_of_taking_the_place_of_another() -> None:
    found = {effect.text: effect for effect in swap_effects(swaps({"alpha": 0.3}, 30, 0.02, 0), TEXTS)}
    assert found["alpha"].effect == pytest.approx(0.3, abs=0.03)
    assert found["beta"].effect == pytest.approx(-0.1, abs=0.03)
    assert found["alpha"].verdict == "helps"


def test_intervals_in_so_many_texts_hold() -> None:
    true = {"alpha": 0.3, "beta": -0.1, "gamma": -0.1, "delta": -0.1}
    held = [
        effect.low <= true[effect.text] <= effect.high
        for seed in range(200)
        for effect in swap_effects(swaps({"alpha": 0.3}, 16, 0.1, seed), TEXTS)
    ]
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize(("limits", "pairs"), [((1, 3), 40), ((1, 4), 100), ((2, 6), 60)])
def test_effects_of_diluted_texts_are_the_mean_over_sizes_and_their_intervals_hold(
    limits: tuple[int, int], pairs: int
) -> None:
    """The score is the mean worth of the mix's texts: a text weighs three times as much in a mix of one as of three."""
    texts = tuple("abcdef")
    worth = dict(zip(texts, np.linspace(-0.5, 0.5, 6), strict=True))
    sizes = range(limits[0], min(limits[1], 5) + 1)
    mean_share = float(np.mean([1 / size for size in sizes]))
    dimension = LimitedDimension(
        TextsSpec(folder=Path("x"), min_texts=limits[0], max_texts=limits[1]), corpus_of(texts)
    )
    held, slopes = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        design = DisjointPairs(texts, seed, limits)
        mixes = [(dimension.decode(dict(params)).names, pair) for pair in range(pairs) for params in design.block(pair)]
        trials = [
            record(i, names, float(np.mean([worth[name] for name in names]) + rng.normal(0, 0.1)), pair=pair)
            for i, (names, pair) in enumerate(mixes)
        ]
        found = {effect.text: effect for effect in swap_effects(trials, texts)}
        true = {name: worth[name] * 6 / 5 * mean_share for name in texts}  # against the mean of the other five
        held += [found[name].low <= true[name] <= found[name].high for name in texts]
        slopes.append(np.polyfit(list(true.values()), [found[name].effect for name in texts], 1)[0])
    assert 0.92 <= np.mean(held) <= 0.98
    assert np.mean(slopes) == pytest.approx(1, abs=0.05)


def test_two_trials_of_a_text_give_no_interval() -> None:
    assert all(math.isinf(effect.high) for effect in effects_alone(alone(2, 0.1, 0), TEXTS))
    assert all(math.isnan(effect.effect) for effect in effects_alone([], TEXTS))


SLOPES = {"a": 0.5, "b": 0.1, "c": -0.3, "d": 0.0, "e": 0.0}


def shared(pairs: int, noise: float, seed: int) -> list[TrialRecord]:
    """Pairs of mixes with shares at random; the score is linear in them, and each pair has its own level."""
    rng = np.random.default_rng(seed)
    found: list[TrialRecord] = []
    for pair in range(pairs):
        level = rng.normal()
        shares = rng.dirichlet(np.ones(5))
        turned = np.empty(5)
        turned[np.argsort(shares)] = np.sort(shares)[::-1]
        for each in (shares, turned):
            mix = CorpusMix(tuple(zip(SLOPES, (each / each.sum()).tolist(), strict=True)))
            score = level + float(each @ list(SLOPES.values())) + rng.normal(0, noise)
            trial = record(len(found), tuple(SLOPES), score, pair=pair)
            stage = replace(trial.config.stages[0], mix=mix)
            found.append(replace(trial, config=replace(trial.config, stages=(stage,))))
    return found


def slope_of(text: str) -> float:
    """Per 10 points, taken from the four others alike."""
    others = [slope for name, slope in SLOPES.items() if name != text]
    return 0.1 * (SLOPES[text] - float(np.mean(others)))


@pytest.mark.parametrize("pairs", [6, 30])
def test_intervals_of_shares_hold(pairs: int) -> None:
    held = [
        effect.low <= slope_of(effect.text) <= effect.high
        for seed in range(200)
        for effect in share_effects(shared(pairs, 0.05, seed), tuple(SLOPES))
    ]
    assert 0.925 <= np.mean(held) <= 0.985


def test_shares_are_told_apart_with_their_size() -> None:
    found = {effect.text: effect for effect in share_effects(shared(40, 0.01, 0), tuple(SLOPES))}
    for text in SLOPES:
        assert found[text].effect == pytest.approx(slope_of(text), abs=0.01)
    assert found["a"].verdict == "helps"
    assert found["c"].verdict == "hurts"
    assert share_effects([], tuple(SLOPES))[0].method == "none"


Searched = Callable[[str, int], tuple[Store, StoredStudy]]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """Runs a study with texts chosen in some way and so many trials; each once, as its tests only read it."""

    @cache
    def run(choose: str, trials: int) -> tuple[Store, StoredStudy]:
        folder = tmp_path_factory.mktemp(choose)
        library = write_library(folder / "library")
        ready = prepare_launch(_spec(library, choose, {"trials": trials}, {}), folder / "runs")
        return ready.store, ready.run(local, lambda _: None).study

    return run


def _spec(library: Path, choose: str, search: dict[str, Any], objective: dict[str, Any]) -> StudySpec:
    space = {"texts": {"folder": str(library), "choose": choose}, "learning_rate": {"low": 1e-4, "high": 1e-2}}
    quick = {"sampler": "tpe", **search}
    return spec_for(library, space=space, search=quick, objective={"noise": 0.02, **objective})


@pytest.mark.parametrize(
    ("choose", "trials", "says"),
    [
        ("one", 60, "Training only on alpha makes the score better"),
        ("weights", 90, "More of alpha at the expense of the others makes the score better"),
    ],
)
def test_a_study_from_its_start_to_its_page(
    searched: Searched, tmp_path: Path, choose: str, trials: int, says: str
) -> None:
    store, study = searched(choose, trials)
    rating = rate(study)
    assert headline(study, rating).startswith(says)
    assert rating.ranking["alpha"].top > 0.9
    assert "8 of 10 studies" in enough_sentence(study, rating, unit_of(study))
    page = written(store, study, tmp_path / "report").read_text(encoding="utf-8")
    assert says in page
    assert rating.estimand.caption.split(" (")[0] in page


def test_a_text_alone_that_stands_out_is_the_one_that_was_planted(searched: Searched) -> None:
    _, study = searched("one", 60)
    effects = {effect.text: effect for effect in rate(study).effects}
    assert effects["alpha"].effect == pytest.approx(0.3, abs=0.03)
    assert effects["alpha"].blocks == 8
    assert sum(len(r.texts) == 1 for r in study.records) == 60


def test_two_texts_alone_are_not_said_to_be_trained_on_together(library: Path, tmp_path: Path) -> None:
    spec = _spec(library, "one", {"trials": 60}, {"effects": {"alpha": 0.3, "beta": 0.2, "gamma": -0.2}})
    study = prepare_launch(spec, tmp_path / "runs").run(local, lambda _: None).study
    said = headline(study, rate(study))
    assert said.startswith("Training only on alpha or beta makes the score better; training only on gamma")


@pytest.mark.parametrize("choose", ["one", "weights"])
def test_other_qualities_have_effects_too(searched: Searched, choose: str) -> None:
    _, study = searched(choose, 60)
    (effects,) = rate(study).qualities.values()
    assert effects[0].text == "alpha"
    assert effects[0].verdict == "helps"


def test_too_few_trials_of_each_text_are_counted_as_they_are(searched: Searched) -> None:
    _, study = searched("one", 16)
    rating = rate(study)
    assert "needs at least 3 finished randomized trials of a text, and there are 2" in headline(study, rating)
    assert set(rating_table(study, rating)["trials"]) == {2}
    assert rating.ranking == {}


def test_failed_trials_of_single_texts_are_told(library: Path, tmp_path: Path) -> None:
    spec = _spec(library, "one", {"trials": 60, "max_consecutive_failures": 60}, {"noise": 0.01, "failures": 0.2})
    study = prepare_launch(spec, tmp_path / "runs").run(local, lambda _: None).study
    failed = sum(r.randomized and r.state is TrialState.FAIL for r in study.records)
    assert failed > 1
    assert lost_sentence(study).startswith(f"{failed} randomized trials are left out")
    rating = rate(study)
    assert sum(effect.blocks for effect in rating.effects) + failed == sum(r.randomized for r in study.records)
    assert f"With {min(effect.blocks for effect in rating.effects)} randomized" in enough_sentence(
        study, rating, unit_of(study)
    )


@pytest.mark.parametrize("repeats", [3, 8])
def test_the_ranking_of_texts_alone_is_as_sure_as_it_may_be(repeats: int) -> None:
    """Ten texts with gains at random: of those that are said to be among the best with 80% or more, as many are."""
    texts = tuple("abcdefghij")
    said, true = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        gains = dict(zip(texts, rng.normal(0, 0.1, 10), strict=True))
        best = sorted(texts, key=lambda text: -gains[text])[:3]
        trials = [
            record(10 * block + i, (text,), 0.2 + gains[text] + rng.normal(0, 0.1), pair=block)
            for block in range(repeats)
            for i, text in enumerate(texts)
        ]
        for ranked in rank_by(effects_alone(trials, texts)):
            if ranked.top > 0.8:
                said.append(ranked.top)
                true.append(ranked.text in best)
    assert len(said) > 20
    assert np.mean(true) > np.mean(said) - 0.07


def test_texts_that_have_too_few_trials_yet_have_no_place(searched: Searched) -> None:
    """Two blocks are done, and of the third two texts: these have an interval and the others not."""
    _, study = searched("one", 18)
    rating = rate(study)
    known = {effect.text for effect in rating.effects if effect.method == "alone"}
    assert 0 < len(known) < 4
    assert set(rating.ranking) == known
    console = Console(width=100, record=True, file=io.StringIO())
    print_rating(console, study, rating)
    unknown = ({"alpha", "beta", "gamma", "delta"} - known).pop()
    assert re.search(rf"{unknown} .* too few trials +no evidence yet +- *\n", console.export_text())
