"""Parameters of a trial as coordinates of a Gaussian process: texts as a mix, settings on the unit interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from spaces.dimensions.limited import COUNT, PLACE
from spaces.dimensions.one_text import NAME as ONE
from spaces.dimensions.shares import SHARE
from spaces.dimensions.texts import PREFIX

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


class Encoding:
    """Coordinates of the points of a space.

    A point has one number per parameter: a category's position in its list, or a number's position in its range from 0
    to 1, by the logarithm where the range is logarithmic.
    """

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        """Sort the parameters of a space; the order of the shares' parameters must be that of the texts."""
        self.names = tuple(space)
        self._distributions = tuple(space.values())
        self.categories = np.array([_categories(distribution) for distribution in self._distributions], dtype=int)
        self.steps = np.array([_steps(distribution) for distribution in self._distributions], dtype=float)
        forms = [_form(name, distribution) for name, distribution in space.items()]
        self._shares, self._places, self._one, self._count, self._bits = (
            [column for column, form in enumerate(forms) if form == prefix]
            for prefix in (SHARE, PLACE, ONE, COUNT, PREFIX)
        )
        settings = [column for column, form in enumerate(forms) if not form]
        self.numbers = [column for column in settings if not self.categories[column]]
        self.choices = [column for column in settings if self.categories[column]]

    @property
    def texts(self) -> int:
        """Number of texts that are searched."""
        if self._one:
            return int(self.categories[self._one[0]])
        return len(self._shares) + 1 if self._shares else len(self._places) or len(self._bits)

    @property
    def subsets(self) -> bool:
        """Whether the mixes are subsets of the texts."""
        return bool(self._bits or self._places)

    def points(self, trials: Sequence[FrozenTrial]) -> Matrix:
        """Return the coordinates of trials that have all parameters, shape (trials, parameters)."""
        found = [
            _coordinate(distribution, trial.params[name])
            for trial in trials
            for name, distribution in zip(self.names, self._distributions, strict=True)
        ]
        return np.array(found, dtype=np.float64).reshape(len(trials), len(self.names))

    def params(self, point: Vector) -> dict[str, Any]:
        """Return the parameters at a point."""
        return {
            name: _value(distribution, coordinate)
            for name, distribution, coordinate in zip(self.names, self._distributions, point, strict=True)
        }

    def snapped(self, points: Matrix) -> Matrix:
        """Return the points with numbers inside their ranges, and on their steps."""
        clipped = np.where(self.categories > 0, points, np.clip(points, 0.0, 1.0))
        stepped = np.round(clipped * np.maximum(self.steps, 1)) / np.maximum(self.steps, 1)
        return np.where(self.steps > 0, stepped, clipped)

    def uniform(self, count: int, rng: np.random.Generator) -> Matrix:
        """Return random points, shape (count, parameters)."""
        uniform = rng.random((count, len(self.names)))
        indices = np.floor(uniform * np.maximum(self.categories, 1))
        # an integer's outer values have as much of the interval as its inner ones
        bins = np.floor(uniform * (self.steps + 1)) / np.maximum(self.steps, 1)
        return np.where(self.categories > 0, indices, np.where(self.steps > 0, bins, uniform))

    def center(self) -> Vector:
        """Return the point of all texts in equal shares, and settings in the middle of their ranges."""
        point = np.where(self.categories > 0, 0.0, 0.5)
        point[self._bits] = point[self._count] = 1.0
        for left, column in zip(range(len(self._shares), 0, -1), self._shares, strict=True):
            point[column] = (left / (left + 1)) ** left
        return np.asarray(self.snapped(point[None])[0])

    def with_middle_settings(self, points: Matrix) -> Matrix:
        """Return the points with their settings in the middle, and with the first category of each list."""
        found = points.copy()
        settings = [*self.numbers, *self.choices]
        found[:, settings] = self.center()[settings]
        return found

    def mixes(self, points: Matrix) -> Matrix:
        """Return the texts of each point, shape (points, texts): 1 for a text in the mix, or the root of its share.

        The Euclidean distance between roots of shares is the Hellinger distance of two mixes, up to a factor; a sum
        over the roots has diminishing returns.
        """
        if self._shares:
            return np.sqrt(self._shares_of(points[:, self._shares]))
        if self._places:
            return self._first(points)
        if self._one:
            found = np.zeros((len(points), int(self.categories[self._one[0]])))
            found[np.arange(len(points)), points[:, self._one[0]].astype(int)] = 1.0
            return found
        return points[:, self._bits]

    def _shares_of(self, breaks: Matrix) -> Matrix:
        """Return the shares of `spaces.dimensions.shares`, shape (points, texts)."""
        left = np.arange(breaks.shape[1], 0, -1)
        kept = breaks ** (1.0 / left)
        sticks = np.cumprod(np.hstack([np.ones((len(kept), 1)), kept]), axis=1)
        return np.maximum(np.hstack([sticks[:, :-1] * (1 - kept), sticks[:, -1:]]), 0.0)

    def _first(self, points: Matrix) -> Matrix:
        """Return 1 for the texts with the lowest keys, as many as the point says (`spaces.dimensions.limited`)."""
        ranks = np.argsort(np.argsort(points[:, self._places], axis=1, kind="stable"), axis=1, kind="stable")
        return np.asarray(ranks < self._sizes(points)[:, None], dtype=np.float64)

    def _sizes(self, points: Matrix) -> Vector:
        if not self._count:  # the number is fixed and not among the parameters, so only the order is known
            return np.full(len(points), len(self._places) / 2)
        counts = self._distributions[self._count[0]]
        return np.array([_value(counts, one) for one in points[:, self._count[0]]], dtype=np.float64)


def _form(name: str, distribution: BaseDistribution) -> str:
    """Return what a parameter says of the texts; empty for a setting."""
    if isinstance(distribution, FloatDistribution):
        return next((form for form in (SHARE, PLACE) if name.startswith(form)), "")
    if isinstance(distribution, CategoricalDistribution):
        return ONE if name == ONE else ""
    if name == COUNT and isinstance(distribution, IntDistribution) and distribution.low > 0:
        return COUNT
    return PREFIX if name.startswith(PREFIX) else ""


def _ordered(distribution: BaseDistribution) -> bool:
    """Whether a list is of numbers in their order, such as ranks, which are then equally spaced."""
    if not isinstance(distribution, CategoricalDistribution):
        return False
    numbers = [choice for choice in distribution.choices if isinstance(choice, int | float)]
    return len(numbers) == len(distribution.choices) > 1 and numbers == sorted(numbers)


def _categories(distribution: BaseDistribution) -> int:
    if isinstance(distribution, CategoricalDistribution) and not _ordered(distribution):
        return len(distribution.choices)
    return 0


def _steps(distribution: BaseDistribution) -> float:
    """Return the number of steps in a range; 0 if it is continuous, or so fine by the logarithm that it may be."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices) - 1 if _ordered(distribution) else 0
    if isinstance(distribution, FloatDistribution | IntDistribution) and distribution.step and not distribution.log:
        return round((distribution.high - distribution.low) / distribution.step)
    return 0


def _coordinate(distribution: BaseDistribution, value: Any) -> float:
    if isinstance(distribution, FloatDistribution | IntDistribution):
        low, high, at = (_scaled(distribution, number) for number in (distribution.low, distribution.high, value))
        return float((at - low) / (high - low)) if high > low else 0.0
    place = distribution.to_internal_repr(value)
    return place / _steps(distribution) if _ordered(distribution) else place


def _value(distribution: BaseDistribution, coordinate: float) -> Any:
    if isinstance(distribution, FloatDistribution | IntDistribution):
        low, high = (_scaled(distribution, number) for number in (distribution.low, distribution.high))
        number = low + float(coordinate) * (high - low)
        number = float(np.exp(number)) if distribution.log else number
        if distribution.step:
            number = distribution.low + round((number - distribution.low) / distribution.step) * distribution.step
        number = min(max(number, distribution.low), distribution.high)
        return int(number) if isinstance(distribution, IntDistribution) else float(number)
    place = coordinate * _steps(distribution) if _ordered(distribution) else coordinate
    return distribution.to_external_repr(round(place))


def _scaled(distribution: FloatDistribution | IntDistribution, number: float) -> float:
    return float(np.log(number)) if distribution.log else float(number)
