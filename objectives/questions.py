"""The questions that a score rests on: how they weigh, which share a passage, which of them a study may look at."""

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
    """Which of the questions are asked."""

    split: Split = "search"
    share: float = 1.0
    """Of the split, of every task; a smaller share is contained in every larger one."""
    final: bool = True
    """Whether answers are also generated where another metric needs none of them."""


IN_PASSING = 0.1
"""Share of the kept questions that is asked before the last rung: nothing is decided by them, and a report shows them
alone while the run goes on."""
SEARCHED = QuestionSubset()
"""All that the search may see."""


@dataclass(frozen=True, slots=True)
class ItemWeights:
    """How questions make up a score, which is a weighted mean over them; all arrays have the shape (questions,)."""

    tasks: NDArray[np.int64]
    """Number of the task that each belongs to."""
    clusters: NDArray[np.int64]
    """Questions with the same number share a passage."""
    weights: NDArray[np.float64]
    """Their sum is 1."""

    @classmethod
    def of(cls, tasks: Sequence[int], clusters: Sequence[object], weights: Sequence[float]) -> ItemWeights:
        """Number the clusters, which may be anything that compares, and scale the weights."""
        numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(zip(tasks, clusters, strict=True)))}
        shares = np.asarray(weights, dtype=np.float64)
        return cls(
            np.asarray(tasks, dtype=np.int64),
            np.array([numbers[pair] for pair in zip(tasks, clusters, strict=True)], dtype=np.int64),
            shares / shares.sum(),
        )

    def mean(self, items: ArrayLike) -> float:
        """The score of these questions."""
        return float(self.weights @ np.asarray(items, dtype=np.float64))

    def stderr(self, items: ArrayLike) -> float:
        """Standard error of the mean over questions, tasks being fixed and clusters drawn independently.

        Give differences of two models on the same questions for a paired error.
        """
        return math.sqrt(self.variance(items)[0])

    def variance(self, items: ArrayLike) -> tuple[float, float]:
        """Squared standard error of the mean, and its degrees of freedom.

        Each task's clusters are left out in turn (the jackknife, CR3 in MacKinnon, Nielsen and Webb, 2023), which is
        exact for equal clusters and errs on the wide side where one outweighs the others. Freedom is Satterthwaite's
        over the tasks, a task counting as many clusters as equal ones of its weights' spread would be. A task with a
        single cluster adds nothing: its spread is unknown.
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
        """JSON data."""
        return {"tasks": self.tasks.tolist(), "clusters": self.clusters.tolist(), "weights": self.weights.tolist()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ItemWeights:
        """The inverse of `to_dict`."""
        return cls(
            np.array(data["tasks"], np.int64), np.array(data["clusters"], np.int64), np.array(data["weights"], float)
        )


def select(clusters: Sequence[str], part: QuestionSubset, holdout: float, seed: int) -> list[int]:
    """The questions of one task that belong to a part, in the task's order.

    Clusters are put into an order by the hash of their content and the seed, alike on every machine. The holdout takes
    whole clusters from the end of that order until it has its share of the questions, so that no passage is seen
    on both sides; a part's share is taken from the beginning of its split.

    Args:
        clusters: of every question, what it shares with others; its own content where that is nothing.
        part: what is wanted.
        holdout: share of the questions that the search never sees; where it is 0, both splits are all questions.
        seed: of the split.
    """
    sizes: dict[str, int] = {}
    for cluster in clusters:
        sizes[cluster] = sizes.get(cluster, 0) + 1
    order = sorted(sizes, key=lambda cluster: hashlib.sha256(f"{seed}\n{cluster}".encode()).digest())
    kept = max(1, _within(order, sizes, len(clusters) * (1 - holdout)))
    split = order[:kept] if part.split == "search" or not holdout else order[kept:]
    wanted = sum(sizes[cluster] for cluster in split) * part.share
    chosen = set(split[: max(1, _within(split, sizes, wanted))])
    return [index for index, cluster in enumerate(clusters) if cluster in chosen]


def _within(order: Sequence[str], sizes: dict[str, int], wanted: float) -> int:
    """How many clusters from the beginning of an order come nearest to so many questions."""
    totals = np.cumsum([0, *(sizes[cluster] for cluster in order)])
    return int(np.argmin(np.abs(totals - wanted)))
