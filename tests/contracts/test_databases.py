"""The contract of databases, over every row of the table; leases are in `tests/integration/test_postgresql.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError

from search.storage import DATABASES, open_storage, storage_of
from search.storage.kind import StudyStorage
from tests.support.databases import DATABASES as MADE
from tests.support.refusals import refused


@pytest.fixture(params=list(DATABASES))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    assert request.param in MADE, "a new kind wants a real database to be tested on: tests/support/databases.py"
    with MADE[request.param](tmp_path) as new:
        yield new()


@pytest.fixture
def storage(url: str) -> Iterator[StudyStorage]:
    opened = open_storage(url)
    yield opened
    opened.close()


def test_studies_are_kept(url: str, storage: StudyStorage) -> None:
    study = optuna.create_study(storage=storage.optuna, study_name="kept")
    study.tell(study.ask(), 0.5)
    for reading in (False, True):
        again = open_storage(url, reading=reading)
        assert [trial.value for trial in optuna.load_study(study_name="kept", storage=again.optuna).trials] == [0.5]
        again.close()


def test_nothing_happens_before_it_is_opened(tmp_path: Path) -> None:
    for kind in DATABASES.values():
        named = storage_of(kind.example)
        with pytest.raises(RuntimeError, match="before it is opened"):
            _ = named.optuna
        assert named.beside(tmp_path) == kind.example, "an absolute place is the same from everywhere"


def test_a_driver_has_a_lease_and_an_exclusive_section(storage: StudyStorage) -> None:
    driver = storage.driver("study")
    driver.refuse_taken()
    with driver.lease(), driver.exclusive():
        assert driver.alive_ids() == {driver.id}
        assert len(storage.driver("study").others()) == 1
    assert storage.driver("study").others() == []


def test_its_errors_are_told_in_a_paragraph(storage: StudyStorage) -> None:
    with refused("database-unusable") as caught, storage.explained(), storage.optuna.engine.connect() as connection:
        connection.execute(sqlalchemy.text("select nonsense from nowhere"))
    assert "\n" not in str(caught.value)
    with refused("database-unusable"), storage.explained():
        raise StorageInternalError("inside Optuna")


@pytest.mark.parametrize("url", ["mysql://host/database", "sqlit:////disk/study.db", "sqlite+aiosqlite:////disk/a.db"])
def test_other_databases_are_refused_before_anything_is_made(url: str) -> None:
    with refused("database-of-other-kind", url.split(":", 1)[0]):
        open_storage(url)
