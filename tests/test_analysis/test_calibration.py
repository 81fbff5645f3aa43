"""A small part of `make calibration`: the product's own searcher on worlds whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from studies.analysis.estimands import ESTIMANDS
from tests.benchmarks.calibration.measures import Measured, measure
from tests.benchmarks.calibration.own_way import estimates
from tests.benchmarks.calibration.page import write
from tests.benchmarks.calibration.readings import read_often
from tests.benchmarks.calibration.suite import cases
from tests.benchmarks.calibration.trials import study_of
from tests.benchmarks.calibration.worlds import games, planted, summed

SHARE = 0.04


@pytest.fixture(scope="module")
def measured() -> Measured:
    return Measured.together([measure(case) for case in cases(None, SHARE)])


def test_intervals_hold_and_verdicts_are_right(measured: Measured) -> None:
    studies = pd.DataFrame(measured.studies)
    assert 0.9 <= studies["covered"].mean() <= 0.99
    assert studies["sign errors"].mean() <= 0.005
    assert studies[studies["family"] == "null"]["wrong"].mean() <= 0.05


def test_what_is_read_after_every_block_holds() -> None:
    worlds = [planted("null", seed) for seed in range(16)] + [planted("additive", seed) for seed in range(8)]
    studies = [(world, study_of(world, 120, seed, "random")[1]) for seed, world in enumerate(worlds)]
    readings = pd.DataFrame([{"family": world.family, **read_often(world, records)} for world, records in studies])
    null = readings[readings["family"] == "null"]
    assert readings["held"].mean() >= 0.95
    assert readings["held once"].mean() < 0.9, "intervals for one reading do not hold"
    assert null["false"].sum() <= 1
    assert null["false once"].sum() >= 2, "verdicts for one reading do not hold"
    assert 1.3 < readings["width 20"].median() < 2


@pytest.mark.parametrize("choose", list(ESTIMANDS))
def test_every_estimand_may_be_read_after_every_block(choose: str) -> None:
    worlds = [summed(choose, seed) for seed in range(4)]
    readings = [read_often(world, study_of(world, 120, seed, "random")[1]) for seed, world in enumerate(worlds)]
    found = pd.DataFrame(readings)
    assert found["held"].mean() >= 0.9
    assert found["held once"].mean() < found["held"].mean()
    assert found["false"].sum() <= 1


def test_ours_ranks_at_least_as_well_as_others(measured: Measured) -> None:
    ranks = pd.DataFrame(measured.ranks).groupby("estimator")[["signed", "size"]].mean()
    ours = ranks.loc["mixtune, all trials"]
    ranks = ranks.drop(index=["mixtune, randomized"])
    assert (ours["signed"] >= ranks["signed"].dropna() - 0.02).all()
    assert (ours["size"] >= ranks["size"] - 0.02).all()


@pytest.mark.xfail(strict=True, reason="a known fault since settings are held: .814 against .837 (docs/experiments.md)")
def test_all_trials_rank_as_well_as_the_randomized_ones(measured: Measured) -> None:
    signed = pd.DataFrame(measured.ranks).groupby("estimator")["signed"].mean()
    assert signed["mixtune, all trials"] >= signed["mixtune, randomized"] - 0.02


def test_the_page_has_every_table(measured: Measured, tmp_path: Path) -> None:
    own = [row for seed in (3, 4) for row in estimates(planted("synergy", seed), seed, (20,))]
    write(tmp_path / "page.md", measured, cases(None, SHARE), own)
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert page.count("\n## ") == 8
    assert "nan" not in page


def test_worlds_know_their_truth() -> None:
    world = planted("synergy", 3)
    others = dict.fromkeys(world.texts[1:], 1.0)
    gained = world.value({**others, "text-0": 1.0}) - world.value(others)
    assert gained == pytest.approx(world.effects[0] + world.interactions[0, 1:].sum() / 2), "and half of its pairs"
    assert not planted("null", 0).effects.any()


def test_games_are_read(real_data: Path) -> None:
    found = games(real_data / "tables" / "shapiq_games", 0.3)
    assert len(found) == 90
    assert all(len(world.texts) == 10 for world in found)
