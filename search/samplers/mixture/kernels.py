"""Parts of the kernel: what each may contribute to the score is inferred, their shapes are fixed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from search.samplers.mixture.encoding import Encoding, Matrix, Vector

_REACH = 0.5
"""Length scale of a number, in its range."""
_DRAWN = 512
_OTHER = 0.3
"""Correlation of two categories of a list in the joint part."""


@dataclass(frozen=True, slots=True)
class Features:
    """Points, ready for the kernel."""

    mixes: Matrix
    """Texts, centered and scaled to a mean square length of 1 over random points."""
    numbers: Matrix
    choices: Matrix

    def and_also(self, others: Features) -> Features:
        """Return these points, followed by others."""
        pairs = (self.mixes, others.mixes), (self.numbers, others.numbers), (self.choices, others.choices)
        return Features(*(np.vstack(pair) for pair in pairs))


class Parts:
    """Kernels that add up, each with a mean of about 1 on its diagonal over random points."""

    def __init__(self, encoding: Encoding) -> None:
        """Scale the parts by random points of the space, always the same."""
        self._encoding = encoding
        drawn = encoding.mixes(encoding.uniform(_DRAWN, np.random.default_rng(0)))
        self._middle = drawn.mean(axis=0)
        spread = ((drawn - self._middle) ** 2).sum(axis=1).mean()
        self._scale = 1 / np.sqrt(spread) if spread > 0 else 0.0
        self.prior = self._prior()

    def _prior(self) -> Vector:
        """Return the expected variance of each part, with the scores' variance as the unit."""
        found = [1.0]  # the level
        settings = len(self._encoding.numbers) + len(self._encoding.choices)
        if self._encoding.texts:
            found += [0.5, 0.2, 0.1, 0.05]  # each text, all alike, pairs, anything smooth
        if settings:
            room = 0.3 if self._encoding.texts else 0.8
            found += [room / settings] * settings + [room]
        if self._encoding.texts and settings:
            found += [0.05]  # texts whose effects depend on the settings
        return np.array(found)

    def features(self, points: Matrix) -> Features:
        """Return the features of points."""
        mixes = (self._encoding.mixes(points) - self._middle) * self._scale
        return Features(mixes, points[:, self._encoding.numbers], points[:, self._encoding.choices])

    def between(self, one: Features, other: Features) -> Matrix:
        """Return every part's kernel between two sets of points, shape (parts, points, other points)."""
        found = [np.ones((len(one.mixes), len(other.mixes)))]
        if self._encoding.texts:
            linear = one.mixes @ other.mixes.T
            found += [linear, *_of_texts(one.mixes, other.mixes, linear)]
        alone = [_near(a, b) for a, b in zip(one.numbers.T, other.numbers.T, strict=True)]
        equal = [np.equal.outer(a, b).astype(float) for a, b in zip(one.choices.T, other.choices.T, strict=True)]
        if alone or equal:
            joint = reduce(np.multiply, [*alone, *(_OTHER + (1 - _OTHER) * same for same in equal)])
            found += [*alone, *equal, joint]
            if self._encoding.texts:
                found.append(found[1] * joint)
        return np.stack(found)

    def alone(self, points: Features) -> Matrix:
        """Return every part's kernel between each point and itself, shape (parts, points)."""
        length = (points.mixes**2).sum(axis=1)
        ones = np.ones(len(length))
        found = [ones]
        if self._encoding.texts:
            total = points.mixes.sum(axis=1)
            found += [length, total**2, _pairs(length**2, (points.mixes**4).sum(axis=1), points.mixes.shape[1]), ones]
        settings = points.numbers.shape[1] + points.choices.shape[1]
        if settings:
            found += [ones] * (settings + 1)
            if self._encoding.texts:
                found.append(length)
        return np.stack(found)


def _of_texts(one: Matrix, other: Matrix, linear: Matrix) -> list[Matrix]:
    """Return the parts of all texts alike, of pairs, and of anything smooth."""
    together = np.outer(one.sum(axis=1), other.sum(axis=1))
    pairs = _pairs(linear**2, (one**2) @ (other**2).T, one.shape[1])
    far = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * linear
    return [together, pairs, np.exp(-np.maximum(far, 0.0) / 2)]


def _pairs(squared: Matrix, own: Matrix, texts: int) -> Matrix:
    """Return the kernel of products of two different texts."""
    return np.asarray((squared - own) * texts / max(texts - 1, 1))


def _near(one: Vector, other: Vector) -> Matrix:
    """Return the Matern kernel with smoothness 5/2."""
    far = np.sqrt(5) * np.abs(one[:, None] - other) / _REACH
    return np.asarray((1 + far + far**2 / 3) * np.exp(-far))
