"""Fixtures that several tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from spaces import Corpus, Layout, Module, Text, scan
from tests.support.questions import write_task
from tests.support.ray_head import ray_started
from tests.support.spreading import Spread, long_first
from tests.support.texts import write_library

if TYPE_CHECKING:
    from studies.storage.store import Store
    from studies.storage.stored import StoredStudy

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # of torch, which is imported later: processes that share cores slow each other
os.environ["TQDM_DISABLE"] = "1"
os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # Ray's workers import objectives of the tests

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it, programs inherit that

settings.register_profile("mixtune", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("mixtune")

_REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Our own way to spread tests over processes."""
    return Spread(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        long_first(items)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder of four tiny texts."""
    return write_library(tmp_path / "library")


@pytest.fixture
def corpus(library: Path) -> Corpus:
    return scan(library)


@pytest.fixture(scope="session")
def imagined() -> Corpus:
    """Three texts without files, for what never reads them."""
    names = ("alpha", "beta", "gamma")
    return Corpus(Path("nowhere"), tuple(Text(name, (), name, 10, "") for name in names))


@pytest.fixture(scope="session")
def layout() -> Layout:
    """Six layers with the modules of a Llama."""
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    attention = tuple(Module(f"self_attn.{name}", 16, 16) for name in names)
    mlp = tuple(Module(f"mlp.{name}", 16, 32) for name in ("gate_proj", "up_proj", "down_proj"))
    return Layout("a-base", 6, attention + mlp, context=128)


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, StoredStudy]:
    """A study of 56 trials on the texts of `library`, made once: for tests that only read it."""
    from tests.support.finished import finished

    folder = tmp_path_factory.mktemp("finished")
    return finished(write_library(folder / "library"), folder / "runs")


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """Address of the Ray that all tests of a process share, except those that kill it."""
    with ray_started() as address:
        yield address


@pytest.fixture
def real_data() -> Path:
    """Real books, questions and a real model, kept beside the checkout and never in it."""
    if not _REAL_DATA.is_dir():
        pytest.skip("the real books are not beside this checkout")
    return _REAL_DATA


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task file of four questions with choices."""
    return write_task(tmp_path)
