"""The questions that a score is computed from: their weights, their clusters, and their split."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaces.trial import Split


@dataclass(frozen=True, slots=True)
class QuestionSubset:
    """A subset of the questions to score."""

    split: Split = "search"
    share: float = 1.0
    """Share of the split's questions, of every task; a smaller share is contained in every larger one."""
    final: bool = True
    """Whether answers are also generated if the metric does not need them."""


IN_PASSING = 0.1
"""Share of the held-out questions that is scored before the last rung: no decision depends on them, and a report shows
them only while the run continues."""
SEARCHED = QuestionSubset()
"""All questions of the search."""


@dataclass(frozen=True, slots=True)
class ItemWeights:
    """Weights of the questions in a score, which is their weighted mean; all arrays have the shape (questions,)."""

    tasks: NDArray[np.int64]
    """Number of the task that each question belongs to."""
    clusters: NDArray[np.int64]
    """Number of each question's cluster; questions in the same cluster share a passage."""
    weights: NDArray[np.float64]
    """Weight of each question; the sum is 1."""

    @classmethod
    def of(cls, tasks: Sequence[int], clusters: Sequence[object], weights: Sequence[float]) -> ItemWeights:
        """Number the clusters, which may be any hashable objects, and scale the weights to the sum 1."""
        numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(zip(tasks, clusters, strict=True)))}
        shares = np.asarray(weights, dtype=np.float64)
        return cls(
            np.asarray(tasks, dtype=np.int64),
            np.array([numbers[pair] for pair in zip(tasks, clusters, strict=True)], dtype=np.int64),
            shares / shares.sum(),
        )

    def mean(self, items: ArrayLike) -> float:
        """Weighted mean of the questions' scores."""
        return float(self.weights @ np.asarray(items, dtype=np.float64))

    def stderr(self, items: ArrayLike) -> float:
        """Standard error of the mean over questions, with fixed tasks and independently drawn clusters.

        For a paired error, pass the differences of two models on the same questions.
        """
        return math.sqrt(self.variance(items)[0])

    def variance(self, items: ArrayLike) -> tuple[float, float]:
        """Squared standard error of the mean, and its degrees of freedom.

        Each task's clusters are left out in turn (the jackknife, CR3 in MacKinnon, Nielsen and Webb, 2023), which is
        exact for equal clusters and conservative if one outweighs the others. The degrees of freedom follow
        Satterthwaite over the tasks, each with its effective number of clusters, 1 / sum(weights^2). A task with a
        single cluster adds nothing: its variance is unknown.
        """
        values = np.asarray(items, dtype=np.float64)
        total, squares = 0.0, 0.0
        for task in np.unique(self.tasks):
            chosen = self.tasks == task
            weight = float(self.weights[chosen].sum())
            shares = self.weights[chosen] / weight
            numbers = np.unique(self.clusters[chosen], return_inverse=True)[1]
            clusters = np.bincount(numbers, shares)
            if len(clusters) < 2:
                continue
            sums = np.bincount(numbers, shares * (values[chosen] - shares @ values[chosen]))
            left_out = sums / (1 - clusters)
            own = weight**2 * (len(clusters) - 1) / len(clusters) * float(left_out @ left_out)
            total += own
            squares += own**2 / max(1.0, 1 / float(clusters @ clusters) - 1)
        return total, (total**2 / squares if squares else 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the weights as JSON data."""
        return {"tasks": self.tasks.tolist(), "clusters": self.clusters.tolist(), "weights": self.weights.tolist()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ItemWeights:
        """Build the weights from the result of `to_dict`."""
        return cls(
            np.array(data["tasks"], np.int64), np.array(data["clusters"], np.int64), np.array(data["weights"], float)
        )


def select(clusters: Sequence[str], part: QuestionSubset, holdout: float, seed: int) -> list[int]:
    """Return the indices of one task's questions that belong to a subset, in the task's order.

    Clusters are ordered by the hash of their content and the seed, which is the same on every machine. The holdout
    takes whole clusters from the end of that order until it has its share of the questions, so that no passage is in
    both splits; a subset's share is taken from the beginning of its split.

    Args:
        clusters: for every question, the content that it shares with others, or its own content if there is none.
        part: the subset.
        holdout: share of the questions that the search never uses; if 0, both splits are all questions.
        seed: seed of the split.
    """
    sizes: dict[str, int] = {}
    for cluster in clusters:
        sizes[cluster] = sizes.get(cluster, 0) + 1
    order = sorted(sizes, key=lambda cluster: hashlib.sha256(f"{seed}\n{cluster}".encode()).digest())
    searched = max(1, _within(order, sizes, len(clusters) * (1 - holdout)))
    split = order[:searched] if part.split == "search" or not holdout else order[searched:]
    wanted = sum(sizes[cluster] for cluster in split) * part.share
    chosen = set(split[: max(1, _within(split, sizes, wanted))])
    return [index for index, cluster in enumerate(clusters) if cluster in chosen]


def _within(order: Sequence[str], sizes: dict[str, int], wanted: float) -> int:
    """Number of clusters from the beginning of an order whose questions come closest to the wanted number."""
    totals = np.cumsum([0, *(sizes[cluster] for cluster in order)])
    return int(np.argmin(np.abs(totals - wanted)))
