"""Ray's start: whatever the user's folder holds and is called, workers run our code, or the reason is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.machine import processors
from studies.storage.places import default_url
from studies.storage.store import open_store

pytestmark = pytest.mark.ray

STUDY = """\
name: quick
space:
  texts: {folder: library}
objective:
  kind: synthetic
  effects: {alpha: 0.1, beta: -0.1}
search:
  trials: 2
  sampler: tpe
  ray: {}
  workers: 1
  confirm: {best: 0}
"""


def launch(
    folder: Path, command: tuple[str, ...] = ("launch", "study.yaml"), **environment: str
) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from studies.cli import main; main()", *command]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        program,
        cwd=folder,
        env={**inherited, "PYTHONSAFEPATH": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def place(library: Path) -> Path:
    (library.parent / "study.yaml").write_text(STUDY)
    return library.parent


def test_workers_import_nothing_from_the_users_folder(place: Path) -> None:
    for name in ("search", "objectives", "spaces", "studies", "optuna", "numpy", "random"):
        (place / f"{name}.py").write_text(f"raise SystemExit('the {name} of the user was imported')\n")
    done = launch(place)
    assert done.returncode == 0, done.stderr
    records = open_store(default_url(place / "runs" / "quick")).load("quick").records
    assert [record.state.name for record in records] == ["COMPLETE", "COMPLETE"]


def test_a_long_folder_for_temporary_files_is_no_hindrance(place: Path) -> None:
    """Sockets below it would have paths of more than 107 characters."""
    long = place / ("a-folder-of-slurm-with-a-long-name-" * 3)
    long.mkdir()
    done = launch(place, TMPDIR=str(long))
    assert done.returncode == 0, done.stderr


def test_a_ray_that_cannot_start_is_told_and_leaves_the_name_free(place: Path) -> None:
    done = launch(place, RAY_raylet_start_wait_time_s="0", RAY_REDIS_ADDRESS="nowhere")
    if done.returncode == 0:
        pytest.fail("Ray started in spite of an address at which nothing is")
    assert "Traceback" not in done.stderr
    assert "Ray" in done.stderr
    assert open_store(default_url(place / "runs" / "quick")).names() == []


def test_processors_are_those_that_this_process_may_use(tmp_path: Path) -> None:
    usual = processors(tmp_path)
    assert usual == len(os.sched_getaffinity(0))
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert processors(tmp_path) == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert processors(tmp_path) == usual
    one = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {one})
        assert processors(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("missing", ["search.assignment", "objectives.synthetic"], ids=["import", "objective"])
def test_a_worker_that_cannot_start_tells_why_and_spends_no_trial(place: Path, missing: str) -> None:
    """The cause stood in Ray's logs alone, and every trial failed."""
    blocked = place / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {missing!r} and any('worker' in word for word in sys.orig_argv):\n"
        "            raise ModuleNotFoundError('No module named a_package_of_workers')\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    done = launch(place, PYTHONPATH=str(blocked))
    assert done.returncode == 1
    assert "No module named a_package_of_workers" in done.stderr
    assert "mixtune resume quick" in done.stderr
    again = launch(place, command=("resume", "quick", "--local"))
    assert again.returncode == 0, again.stderr
    records = open_store(default_url(place / "runs" / "quick")).load("quick").records
    assert [record.state.name for record in records] == ["COMPLETE", "COMPLETE"]
    assert not any(record.error for record in records)
