"""A PostgreSQL server that drops connections, or is restarted, while a study runs; and clocks that were set."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from search.events import Event, TrialFinished
from search.runner import LocalRunner
from search.storage import open_storage
from search.storage.kind import StudyStorage
from search.storage.leases import LEASE
from search.storage.postgresql import SharedDriver
from search.storage.reconnecting import PersistentStorage
from studies.run.execution import Ending
from studies.run.interrupts import stoppable
from studies.run.launch import prepare_launch
from studies.storage.store import open_store
from tests.support.databases import control, postgresql
from tests.support.launching import spec_for
from tests.support.refusals import refused

pytestmark = pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")


@pytest.fixture(autouse=True)
def no_connection_is_left_for_later_tests() -> Iterator[None]:
    """Connections that were cut off are collected here, where their warnings are expected."""
    yield
    gc.collect()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with postgresql(tmp_path / "server") as new:
        yield new()


def drop_connections(url: str) -> None:
    """End every connection to the database but the one that does it."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


@contextmanager
def every(seconds: float, act: Any) -> Iterator[None]:
    over = threading.Event()

    def work() -> None:
        while not over.wait(seconds):
            act()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_study_survives_dropped_connections(library: Path, tmp_path: Path, server: str) -> None:
    """One dropped connection ended the driver."""
    ready = prepare_launch(spec_for(library, storage=server), tmp_path / "runs")
    seen: list[Event] = []
    with every(0.05, lambda: drop_connections(server)):
        outcome = ready.run(lambda *_: LocalRunner(), seen.append)
    ready.store.close()
    assert outcome.ending is Ending.FINISHED
    assert len(outcome.study.records) == ready.spec.search.trials
    assert all(record.state.is_finished() for record in outcome.study.records)
    assert sum(isinstance(event, TrialFinished) for event in seen) >= ready.spec.search.trials


def test_a_study_survives_a_restart_of_the_server(library: Path, tmp_path: Path, server: str) -> None:
    ready = prepare_launch(spec_for(library, storage=server), tmp_path / "runs")
    restarts = 0

    def watch(event: Event) -> None:
        nonlocal restarts
        if isinstance(event, TrialFinished) and event.number in (3, 7):
            control(tmp_path / "server", "restart")
            restarts += 1

    outcome = ready.run(lambda *_: LocalRunner(), watch)
    ready.store.close()
    assert outcome.ending is Ending.FINISHED
    assert restarts == 2
    assert len(outcome.study.records) == ready.spec.search.trials


def test_a_server_that_stays_away_is_explained_in_its_own_words(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PersistentStorage, "patience", 1.0)
    store = open_store(server)
    control(tmp_path / "server", "stop")
    try:
        with refused("database-unreachable", "PGPASSWORD"):
            store.load("small")
    finally:
        control(tmp_path / "server", "restart")
        store.close()


def test_a_request_that_is_wrong_is_not_tried_again(server: str) -> None:
    store = open_store(server)
    begun = time.monotonic()
    with pytest.raises(KeyError):
        store.storage.get_study_id_from_name("nobody")
    store.close()
    assert time.monotonic() - begun < PersistentStorage.patience / 10


def _shift(storage: StudyStorage, seconds: int, machine: str | None = None) -> None:
    """Move all signs of life, as if the database's clock had been set back by so much since."""
    with storage.optuna.engine.begin() as connection:
        connection.execute(sqlalchemy.text("update mixtune_drivers set seen = seen + :s"), {"s": seconds})
        if machine is not None:
            connection.execute(sqlalchemy.text("update mixtune_drivers set machine = :m"), {"m": machine})


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StudyStorage]:
    url = f"sqlite:///{tmp_path / 'a.db'}" if request.param == "sqlite" else request.getfixturevalue("server")
    opened = open_storage(url)
    yield opened
    opened.close()


def test_a_lease_from_the_future_locks_nothing_for_years(storage: StudyStorage) -> None:
    """A machine whose clock was two years ahead died: its lease would have held for two years."""
    gone = storage.driver("study", beat=3600)
    heir = storage.driver("study", beat=0.1, lease=1.0)
    with gone.lease():
        _shift(storage, 63_000_000, "another machine")
        with heir.lease():
            heir.alive_ids()
            time.sleep(1.5)
            assert gone.id not in heir.alive_ids()


def test_a_living_driver_keeps_its_lease_when_the_clock_is_set_back(storage: StudyStorage) -> None:
    alive, other = storage.driver("study", beat=0.5), storage.driver("study", beat=1.0)
    with alive.lease():
        _shift(storage, 63_000_000, "another machine")
        if not issubclass(storage.driver_kind, SharedDriver):
            with refused("study-running"):
                other.refuse_taken()
        else:
            with other.lease():
                assert alive.id in other.alive_ids()


def test_nobody_is_dead_right_after_the_database_was_away(storage: StudyStorage) -> None:
    """No driver could give a sign of life; the first to look must not take the others for dead."""
    other, mine = storage.driver("study", beat=3600), storage.driver("study", beat=3600)
    if not issubclass(storage.driver_kind, SharedDriver):
        pytest.skip("a file has one driver, and is never away")
    with other.lease():
        _shift(storage, 0, "another machine")
        with mine.lease():
            _shift(storage, -600)
            assert other.id in mine.alive_ids()


def test_who_joins_right_after_the_database_was_away_takes_nobodys_place(storage: StudyStorage) -> None:
    if not issubclass(storage.driver_kind, SharedDriver):
        pytest.skip("a file has one driver, and is never away")
    other, heir = storage.driver("study", beat=3600), storage.driver("study", beat=0.5)
    with other.lease():
        _shift(storage, -600, "another machine")
        with heir.lease():
            assert other.id in heir.alive_ids(), "it has had no time to give a sign of life"
            time.sleep(1.5)
            assert other.id not in heir.alive_ids()
        with storage.optuna.engine.connect() as connection:
            left = connection.execute(sqlalchemy.text("select driver from mixtune_drivers")).scalars().all()
        assert other.id in left, "its row is not taken away, so that it may come back"


def test_ctrl_c_is_heard_while_the_server_is_away(server: str, library: Path, tmp_path: Path) -> None:
    ready = prepare_launch(spec_for(library, storage=server), tmp_path / "runs")
    stopped: list[float] = []

    def interrupt() -> None:
        time.sleep(3)
        stopped.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    def watch(event: Event) -> None:
        if isinstance(event, TrialFinished) and event.number == 2:
            control(tmp_path / "server", "stop")
            threading.Thread(target=interrupt).start()

    try:
        with stoppable("mixtune resume small") as stop:
            outcome = ready.run(lambda *_: LocalRunner(), watch)
        waited = time.monotonic() - stopped[0]
    finally:
        control(tmp_path / "server", "restart")
        ready.store.close()
    assert outcome.ending is Ending.INTERRUPTED
    assert stop.status == 130
    assert waited < 30


def test_nobody_is_dead_right_after_the_clock_was_set_forward(
    storage: StudyStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or after the server was away for longer than a lease: the others could not give a sign of life either."""
    other, mine = storage.driver("study", beat=3600), storage.driver("study")
    with other.lease():
        _shift(storage, 0, "another machine")
        now = 1_000_000
        mine._liveness.compare_clocks(time.monotonic(), now)
        assert other.id in mine.alive_ids()
        mine._liveness.compare_clocks(time.monotonic(), now + 7200)
        _shift(storage, -7200)
        assert other.id in mine.alive_ids(), "its last sign of life only looks old"
        later = time.monotonic() + LEASE + 1
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert other.id not in mine.alive_ids(), "no sign of life for a whole lease"
