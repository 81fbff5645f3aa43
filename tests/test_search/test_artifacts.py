"""Where trials keep their files: a folder, a copied folder, a place in memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

from objectives.base import STATE
from search.artifacts import Artifacts
from search.assignment import rungs_of
from search.runner import LocalRunner
from search.storage.records import read_record
from spaces import Corpus
from tests.support.studies import searcher_on, synthetic_factory

PLACES: dict[str, Callable[[Path], str]] = {
    "folder": str,
    "file": lambda folder: f"file://{folder}",
    "memory": lambda folder: f"memory://{uuid.uuid4().hex}",
}


@pytest.fixture(params=PLACES)
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    return Artifacts(PLACES[request.param](tmp_path / "artifacts"))


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_what_was_kept_is_there_again(artifacts: Artifacts) -> None:
    with artifacts.working(3) as folder:
        assert not list(folder.iterdir())
        write(folder, adapter__weights="one", state__last="two")
        artifacts.keep(3, folder)
    with artifacts.working(3) as folder:
        assert (folder / "adapter" / "weights").read_text() == "one"
        assert (folder / "state" / "last").read_text() == "two"
    with artifacts.working(4) as folder:
        assert not list(folder.iterdir()), "another trial's folder is its own"


def test_what_the_trial_removed_is_removed(artifacts: Artifacts, tmp_path: Path) -> None:
    with artifacts.working(0) as folder:
        write(folder, rung_0__weights="old")
        artifacts.keep(0, folder)
        (folder / "rung_0" / "weights").unlink()
        (folder / "rung_0").rmdir()
        write(folder, rung_1__weights="new")
        artifacts.keep(0, folder)
    assert artifacts.locate(0, "rung_0") is None
    assert artifacts.locate(0, "rung_1") is not None
    artifacts.copy(0, "rung_1", tmp_path / "out")
    assert (tmp_path / "out" / "weights").read_text() == "new"


def test_settling_removes_the_state_alone(artifacts: Artifacts) -> None:
    artifacts.cleanup(0)  # nothing there yet
    with artifacts.working(0) as folder:
        write(folder, rung_0__weights="kept", **{f"{STATE}__last": "gone"})
        artifacts.keep(0, folder)
    artifacts.cleanup(0)
    with artifacts.working(0) as folder:
        assert [path.name for path in folder.iterdir()] == ["rung_0"]


def test_a_place_that_is_gone_is_an_empty_one(artifacts: Artifacts) -> None:
    assert artifacts.locate(7, "rung-0") is None
    assert artifacts.locate(7, "") is None


def test_a_trial_goes_on_from_what_was_kept(artifacts: Artifacts, imagined: Corpus) -> None:
    objective = synthetic_factory(imagined, noise=0.02)()
    assignment = searcher_on(imagined).ask()
    assert assignment is not None
    whole = list(rungs_of(objective, replace(assignment, number=0), Artifacts(f"memory://{uuid.uuid4().hex}")))
    first = list(islice(rungs_of(objective, replace(assignment, number=1), artifacts), 2))
    rest = list(rungs_of(objective, replace(assignment, number=1), artifacts))
    assert first + rest[1:] == whole
    assert rest[0] == first[1]


def test_a_study_leaves_no_state_behind(artifacts: Artifacts, imagined: Corpus) -> None:
    storage = InMemoryStorage()
    searcher = searcher_on(imagined, storage, trials=6, max_consecutive_failures=100)
    LocalRunner().run(searcher, synthetic_factory(imagined, failures=0.3), artifacts)
    numbers = [record.number for trial in storage.get_all_trials(0) if (record := read_record(trial)) is not None]
    assert len(numbers) == 6
    assert not [number for number in numbers if artifacts.locate(number, STATE)]
