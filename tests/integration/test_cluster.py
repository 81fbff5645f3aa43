"""The same study on a Ray cluster of two nodes, both on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from optuna.trial import TrialState
from ray.cluster_utils import Cluster

import objectives
import search
import spaces
import studies
from search.artifacts import Artifacts
from search.ray.runner import RayRunner
from search.storage.records import TrialRecord, read_record
from spaces import Corpus
from studies.storage.store import open_store
from tests.support.refusals import refused
from tests.support.studies import searcher_on, synthetic_factory
from tests.support.traced import TracedFactory

pytestmark = pytest.mark.ray


@contextmanager
def two_nodes() -> Iterator[Cluster]:
    """A head and a second node, with two processors each; the head has a card, as Ray is told."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=2)
    try:
        yield made
    finally:
        made.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """For tests that leave its nodes alone."""
    with two_nodes() as made:
        yield made


@dataclass(frozen=True)
class Ran:
    records: list[TrialRecord]
    artifacts: Path

    def visits(self, number: int) -> list[list[str]]:
        """For each visit of the trial: process, trials that it had begun, node, packages sent to it."""
        file = self.artifacts / f"trial-{number:04d}" / "visits"
        return [line.split() for line in file.read_text().splitlines()]

    def told(self, number: int) -> list[int]:
        return [int(line) for line in (self.artifacts / f"trial-{number:04d}" / "told").read_text().split()]


def run(cluster: Cluster, corpus: Corpus, folder: Path, *, trials: int, seconds: float, gpus: float = 0) -> Ran:
    """Artifacts are copied to a place that fsspec reaches, as on machines that share no folder."""
    store = open_store(f"sqlite:///{folder / 'study.db'}")
    searcher = searcher_on(corpus, store.storage, trials=trials, pruner="none")
    runner = RayRunner(
        folder / "ray", workers=4, gpus=gpus, address=cluster.address, packages=(search, objectives, spaces, studies)
    )
    factory = TracedFactory(synthetic_factory(corpus, noise=0.02, seconds=seconds))
    runner.run(searcher, factory, Artifacts(f"file://{folder}/artifacts"))
    found = [read_record(trial) for trial in store.open_study("study").trials]
    store.close()
    return Ran([record for record in found if record is not None], folder / "artifacts")


@pytest.mark.parametrize(
    ("address", "code", "command"),
    [
        ("ray://head:10001", "ray-address-malformed", "ray job submit"),
        ("127.0.0.1:1", "ray-unreachable", "ray start --head --port=1"),
        ("127.0.0.1:port", "ray-unreachable", "ray start --head"),
    ],
)
def test_an_address_without_a_cluster_is_refused_at_once(
    imagined: Corpus, tmp_path: Path, address: str, code: str, command: str
) -> None:
    searcher = searcher_on(imagined)
    with refused(code, repr(address), command, field="search.ray.address"):
        RayRunner(tmp_path, address=address).run(searcher, synthetic_factory(imagined), Artifacts(tmp_path))


def test_a_study_runs_on_both_nodes(cluster: Cluster, imagined: Corpus, tmp_path: Path) -> None:
    found = run(cluster, imagined, tmp_path, trials=12, seconds=0.5)
    assert [record.number for record in found.records] == list(range(12))
    assert {record.state for record in found.records} == {TrialState.COMPLETE}
    visits = [visit for number in range(12) for visit in found.visits(number)]
    assert len(visits) == 12
    assert len({node for _, _, node, _ in visits}) == 2
    assert all(packages == "4" for *_, packages in visits), "the driver's packages were sent"
    assert not list(found.artifacts.glob("trial-*/state")), "what was only needed to go on is gone"


def test_two_trials_share_a_card(cluster: Cluster, imagined: Corpus, tmp_path: Path) -> None:
    found = run(cluster, imagined, tmp_path, trials=6, seconds=1.5, gpus=0.5)
    assert {record.state for record in found.records} == {TrialState.COMPLETE}
    assert len({visit[0] for number in range(6) for visit in found.visits(number)}) == 2, (
        "two workers at once, not four"
    )


def test_trials_of_a_node_that_is_killed_go_on_elsewhere(imagined: Corpus, tmp_path: Path) -> None:
    with two_nodes() as cluster:
        _kill_the_second(cluster, imagined, tmp_path)


def _kill_the_second(cluster: Cluster, imagined: Corpus, tmp_path: Path) -> None:
    (second,) = cluster.worker_nodes

    def kill() -> None:
        """As soon as the node has kept a rung of some trial."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for told in tmp_path.glob("artifacts/trial-*/told"):
                if second.node_id in told.with_name("visits").read_text():
                    cluster.remove_node(second, allow_graceful=False)
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    found = run(cluster, imagined, tmp_path, trials=8, seconds=1.5)
    killer.join()
    assert [record.number for record in found.records] == list(range(8))
    assert {record.state for record in found.records} == {TrialState.COMPLETE}
    moved = [number for number in range(8) if len(found.visits(number)) > 1]
    assert moved, "the node ran trials when it was killed"
    for number in moved:
        (_, _, before, _), (_, _, after, _) = found.visits(number)
        assert (before, after) == (second.node_id, cluster.head_node.node_id)
    for number in range(8):
        told = found.told(number)
        assert sorted(set(told)) == [0, 1, 2]
        assert all(later >= earlier for earlier, later in pairwise(told)), "none was computed twice"
