"""Crash injection, a handful; `make crash` does a hundred."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState

import objectives
from spaces import scan
from studies.demo.library import write_demo
from studies.spec import read_study
from studies.storage.store import open_store
from tests.crash.inject import FAULTS, Injector, Tally, count_lost, judge, records_of, running, write_study
from tests.support.databases import DATABASES, NewDatabase

pytestmark = pytest.mark.ray

TWO_DRIVERS = """\
space:
  texts: {folder: library}
  learning_rate: {low: 1e-4, high: 1e-2}
objective: {kind: synthetic, effects: {alpha: 0.3}, noise: 0.02, seconds: 0.1}
search: {trials: 60, workers: 2, sampler: tpe, confirm: {best: 0}}
"""
REAL = """\
space:
  texts: {folder: LIBRARY}
  learning_rate: {low: 1e-3, high: 1e-2}
  tuning: {rank: [4, 8], dropout: 0.1}
objective:
  tokens: 20480
  scores: [{kind: heldout, text: river_poems, share: 0.3}]
search: {trials: 4, workers: 2, sampler: tpe, pruner: none, confirm: {best: 0}}
"""


@pytest.fixture(scope="module", params=DATABASES)
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    with DATABASES[request.param](tmp_path_factory.mktemp("database")) as new:
        yield new


def test_faults_at_random_moments_lose_nothing(tmp_path: Path, new_database: NewDatabase, ray_address: str) -> None:
    """On a Ray that runs, as on a cluster; `test_interruption` and `make crash` end those that start their own."""
    tally = Injector(tuple(FAULTS), seed=1, ray=ray_address).inject(tmp_path, new_database, len(FAULTS) + 1)
    assert tally.injections == len(FAULTS) + 1
    assert tally.clean, str(tally)


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    with DATABASES["postgresql"](tmp_path_factory.mktemp("postgresql")) as new:
        yield new


def _both(folder: Path, first: subprocess.Popen[str], url: str) -> None:
    """Wait until the first driver has made the study, so that the second one joins it."""
    store = open_store(url)
    while not store.is_launched("crash"):
        assert first.poll() is None, (folder / "output").read_text()
        time.sleep(0.1)
    store.close()


def _drivers(url: str) -> Counter[str]:
    """How many trials each driver has begun, or taken over."""
    store = open_store(url)
    begun = Counter(trial.user_attrs["driver"] for trial in store.open_study("crash").trials)
    store.close()
    return begun


def _visits(folder: Path) -> list[str]:
    """Processes that ran the visits of each trial, joined."""
    return [file.read_text() for file in sorted(folder.glob("runs/crash/artifacts/*/trial-*/visits"))]


def test_two_drivers_share_a_study_and_no_trial_runs_twice(
    tmp_path: Path, postgresql: NewDatabase, ray_address: str
) -> None:
    url = postgresql()
    write_study(tmp_path, TWO_DRIVERS, url)
    with running(tmp_path, ray_address) as first:
        _both(tmp_path, first, url)
        with running(tmp_path, ray_address) as second:
            assert (first.wait(300), second.wait(300)) == (0, 0), (tmp_path / "output").read_text()
    tally = Tally()
    judge(tmp_path, tally)
    assert tally.clean, str(tally)
    assert count_lost(tmp_path) == 0
    records = records_of(tmp_path)
    assert sorted(records) == list(range(60))
    assert all(len(visits.splitlines()) == 1 for visits in _visits(tmp_path)), "every trial was run once"
    shares = _drivers(url)
    assert len(shares) == 2
    assert min(shares.values()) >= 6, "both drivers took their part"
    pairs = [record.pair for record in records.values() if record.randomized]
    assert all(pairs.count(pair) == 2 for pair in pairs)


def test_a_driver_that_is_killed_is_replaced_by_the_other(
    tmp_path: Path, postgresql: NewDatabase, ray_address: str
) -> None:
    url = postgresql()
    write_study(tmp_path, TWO_DRIVERS, url)
    with running(tmp_path, ray_address) as first:
        _both(tmp_path, first, url)
        with running(tmp_path, ray_address) as second:
            while len(_drivers(url)) < 2:
                assert first.poll() is None, "it ended before the other had begun"
                time.sleep(0.2)
            first.send_signal(signal.SIGKILL)
            assert second.wait(300) == 0, (tmp_path / "output").read_text()
        assert first.wait() == -signal.SIGKILL
    tally = Tally()
    judge(tmp_path, tally)
    assert tally.clean, str(tally)
    assert count_lost(tmp_path) == 0


@pytest.mark.torch
def test_training_that_is_killed_ends_with_the_scores_of_an_uninterrupted_run(tmp_path: Path, ray_address: str) -> None:
    write_demo(tmp_path / "demo", "demo", seed=0)
    study = REAL.replace("LIBRARY", str(tmp_path / "demo" / "library"))
    with DATABASES["sqlite"](tmp_path) as new:
        kills = Injector(("kill -9 of the driver",), seed=10, study=study, start=10, busy=4, ray=ray_address)
        tally = kills.inject(tmp_path, new, 2)
    assert tally.clean, str(tally)
    folder = tmp_path / "study-0"
    corpus = scan(tmp_path / "demo" / "library")
    spec = read_study(folder / "study.yaml").objective
    counted = objectives.prepare(spec, corpus, tmp_path / "cache").corpus
    objective = objectives.build(spec, counted, tmp_path / "cache")
    visits = {int(file.parent.name[-4:]): file.read_text() for file in folder.glob("runs/crash/artifacts/*/*/visits")}
    interrupted = [number for number, lines in visits.items() if len(lines.splitlines()) > 1]
    assert interrupted, "no trial was cut off: the test shows nothing"
    for number in interrupted:
        record = records_of(folder)[number]
        assert record.state is TrialState.COMPLETE
        again = list(objective.evaluate(record.config, tmp_path / f"again-{number}"))
        assert [rung.score for rung in record.rungs] == pytest.approx([rung.score for rung in again], abs=1e-6)
