"""Peers that choose their own subsets, in `make calibration`: what they are held against, and that they run."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.benchmarks.calibration import own_way
from tests.benchmarks.calibration.own_way import PEERS, estimates, noisy, shapley
from tests.benchmarks.calibration.page import own_way as section
from tests.benchmarks.calibration.trials import held_study_of
from tests.benchmarks.calibration.worlds import BEST_RATE, Played, planted

pytestmark = pytest.mark.benchmarks

VALUES = np.array([0.0, 1.0, 3.0, 2.0, -1.0, 4.0, 0.5, 7.0])
SMALL = Played("small", "games", ("text-0", "text-1", "text-2"), 0.5, VALUES)


def by_orders(values: NDArray[np.float64]) -> list[float]:
    """Shapley values of three players by their definition: the mean over all orders in which they join."""
    found = [0.0] * 3
    for order in permutations(range(3)):
        subset = 0
        for player in order:
            found[player] += float(values[subset | 1 << player] - values[subset]) / factorial(3)
            subset |= 1 << player
    return found


def test_shapley_values_are_means_over_orders() -> None:
    assert shapley(SMALL) == pytest.approx(by_orders(VALUES))


def test_a_world_without_interactions_has_one_value() -> None:
    world = planted("additive", 1)
    assert shapley(world) == pytest.approx(world.effects)


def test_plays_are_of_the_subset_and_noisy() -> None:
    plays = noisy(SMALL, np.random.default_rng(0))
    scores = plays(np.tile([True, False, True], (4_000, 1)))
    assert scores.mean() == pytest.approx(VALUES[0b101] - VALUES[0], abs=0.05)
    assert scores.std() == pytest.approx(SMALL.noise, rel=0.05)


def test_held_trials_are_at_the_best_settings() -> None:
    records = held_study_of(planted("additive", 1), 20, 3, share=1.0)
    assert len(records) == 20
    assert all(record.randomized for record in records)
    assert {stage.learning_rate for record in records for stage in record.config.stages} == {BEST_RATE}


def test_without_shapiq_ours_remain_and_the_page_says_who_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_way, "find_spec", lambda _: None)
    rows = [row for seed in (1, 2) for row in estimates(planted("synergy", seed), seed, (20,))]
    assert {row["estimator"] for row in rows} == set(own_way.OURS)
    page = section(rows)
    assert "nan" not in page
    assert "**Left out here**: “RegressionMSR, trees”, " in page
    assert all(name in page for name in PEERS)
    assert all(f"| {name} |" in page for name in own_way.OURS)


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.every == 1])
def test_a_peer_spends_its_trials_and_finds_effects_without_noise(name: str) -> None:
    peer = PEERS[name]
    if peer.missing:
        pytest.skip(peer.missing)
    world = planted("additive", 1)
    exact = noisy(Played(**{**vars(world), "noise": 0.0}), np.random.default_rng(0))
    played = []

    def counted(subsets: NDArray[np.bool_]) -> NDArray[np.float64]:
        played.append(len(np.atleast_2d(subsets)))
        return exact(subsets)

    said = peer(len(world.texts), 240, 0, counted)
    assert sum(played) <= 240
    assert np.corrcoef(said.values, peer.target.of(world))[0, 1] > 0.9


def test_a_peer_that_beats_ours_is_named() -> None:
    rows = [
        {"family": "games", "world": f"{world}", "trials": 120, "target": "Banzhaf", "covered": 0.95, **figures}
        for world in range(6)
        for figures in (
            *({"estimator": name, "rank": 0.5, "error": 1.0} for name in own_way.OURS),
            {"estimator": "SVARM", "rank": 0.8 + world / 100, "error": 1.5 + world / 100},
        )
    ]
    page = section(rows)
    assert "by rank SVARM at 120 trials (by 0.325 ± 0.008); by error none" in page
