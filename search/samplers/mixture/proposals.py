"""Search for the most promising point, by mutations of the best ones found so far."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from search.samplers.mixture.encoding import Encoding, Matrix, Vector

_UNIFORM = 512
_ROUNDS = 15
_KEPT = 12
_CHILDREN = 12

Worth = Callable[[Matrix], Vector]


def best_point(
    encoding: Encoding, worth: Worth, starts: Matrix, rng: np.random.Generator, *, settings: bool = True
) -> Vector:
    """Return the point with the highest worth that was found.

    Args:
        encoding: the space.
        worth: what is maximized, over points of shape (points, parameters).
        starts: points to begin with, in addition to random ones.
        rng: source of random points and mutations.
        settings: whether settings vary; otherwise they stay in the middle of their ranges.
    """

    def allowed(points: Matrix) -> Matrix:
        return points if settings else encoding.with_middle_settings(points)

    points = allowed(np.vstack([starts, encoding.uniform(_UNIFORM, rng)]))
    values = worth(points)
    for _ in range(_ROUNDS):
        kept = _distinct_best(points, values)
        parents = points[kept]
        children = allowed(mutated(encoding, np.repeat(parents, _CHILDREN, axis=0), rng))
        points = np.vstack([parents, children])
        values = np.append(values[kept], worth(children))
    return np.asarray(points[int(values.argmax())])


def _distinct_best(points: Matrix, values: Vector) -> list[int]:
    order = np.argsort(-values, kind="stable")
    _, first = np.unique(points[order], axis=0, return_index=True)
    return [int(place) for place in order[np.sort(first)[:_KEPT]]]


def mutated(encoding: Encoding, parents: Matrix, rng: np.random.Generator) -> Matrix:
    """Return a child of every parent that differs in one or a few coordinates.

    A number moves by a step of random size, or is drawn anew, or goes to an end of its range, where shares are 0; a bit
    flips; a category is drawn anew.
    """
    count, width = parents.shape
    many = np.minimum(rng.geometric(0.6, count), width)
    chosen = rng.random((count, width)).argsort(axis=1) < many[:, None]
    moved = parents + 10 ** rng.uniform(-2.0, -0.3, (count, 1)) * rng.standard_normal((count, width))
    drawn = encoding.uniform(count, rng)
    ends = (rng.random((count, width)) < 0.5).astype(float)
    way = rng.random((count, width))
    numbers = np.where(way < 0.75, moved, np.where(way < 0.9, drawn, ends))
    coarse = (encoding.categories > 0) | (encoding.steps == 2)
    values = np.where(encoding.steps == 1, 1 - parents, np.where(coarse, drawn, numbers))
    return encoding.snapped(np.where(chosen, values, parents))


def log_expected_improvement(mean: Vector, spread: Vector, best: float) -> Vector:
    """Return the logarithm of the expected improvement on `best` (Ament et al., 2023, arXiv 2310.20708)."""
    ahead = (mean - best) / spread
    density = -0.5 * ahead**2 - 0.5 * np.log(2 * np.pi)
    tail = density - 2 * np.log(np.maximum(-ahead, 1.0))  # the leading term far below the best
    near = np.maximum(np.exp(density) + ahead * ndtr(ahead), 1e-300)
    return np.asarray(np.log(spread) + np.where(ahead > -5, np.log(near), tail))
