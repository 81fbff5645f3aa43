"""Cost of adding two texts to ten, against a new study of twelve: `python -m tests.benchmarks.adding`.

Effects add up, but for four products of three texts. A study of ten texts has run; two are added, and pairs are drawn
until the median interval of the two is as narrow as in a new study of twelve texts. The new study also pays for its
guided trials; the one that goes on draws randomized trials first and has the guided ones of before.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from search.designs import BalancedAssignments
from search.spec import SearchSpec
from studies.analysis.effects import SPARE_PAIRS
from studies.analysis.regression import fits, least_squares

_OLD, _ADDED = 10, 2
_ALL = _OLD + _ADDED
_NOISE = 0.3

Values = NDArray[np.float64]


def half_width(signs: Values, effects: Values, products: Values, rng: np.random.Generator) -> float:
    """Median half-width of the intervals of the added texts; infinite where the pairs are too few."""
    if not fits(signs, SPARE_PAIRS):
        return float("inf")
    odd = np.einsum("pi,pj,pk,ijk->p", signs, signs, signs, products)  # what a pair of complements does not cancel
    differences = signs @ effects + odd + rng.normal(0, _NOISE * np.sqrt(2), len(signs))
    ends = [estimate.interval() for estimate in least_squares(signs, differences, tails=True)[-_ADDED:]]
    return float(np.median([(high - low) / 2 for low, high in ends]))


def drawn(texts: int, pairs: int, seed: int) -> Values:
    """Signs of a study's pairs, shape (pairs, all texts): 0 for the texts that it does not have."""
    design = BalancedAssignments(texts, seed)
    signs = np.array([design.draw(pair) for pair in range(pairs)]).reshape(pairs, texts) * 2.0 - 1
    return np.hstack([signs, np.zeros((pairs, _ALL - texts))])


def needed(pairs: int, seed: int) -> tuple[int, float]:
    """Pairs that the added texts need, and the half-width that they reach; `pairs`: those of each whole study."""
    rng = np.random.default_rng([seed, pairs])
    effects = rng.choice((-1.0, 0.0, 1.0), _ALL) * rng.uniform(0.5, 1.5, _ALL)
    products = np.zeros((_ALL, _ALL, _ALL))
    for _ in range(4):
        products[tuple(rng.choice(_ALL, 3, replace=False))] = rng.choice((-1, 1)) * 0.1
    goal = np.median([half_width(drawn(_ALL, pairs, seed + i), effects, products, rng) for i in range(5)])
    for more in range(5, 4 * pairs):
        signs = np.vstack([drawn(_OLD, pairs, seed), drawn(_ALL, more, seed)])
        reached = np.median([half_width(signs, effects, products, rng) for _ in range(5)])
        if reached <= goal:
            return more, float(goal)
    return 4 * pairs, float(goal)


def main() -> None:
    """Print the cost for studies of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = range(parser.parse_args().seeds)
    share = SearchSpec().randomized_share
    table = Table(
        "pairs of a study",
        "half-width",
        "more pairs",
        "of its pairs",
        "trials of a new study",
        "more trials",
        "of its trials",
    )
    for pairs in (18, 20, 24, 32, 48):
        found = [needed(pairs, seed) for seed in seeds]
        more, width = float(np.mean([pair for pair, _ in found])), float(np.mean([width for _, width in found]))
        new = 2 * pairs / share
        row = (
            f"{width:.3f}",
            f"{more:.1f}",
            f"{more / pairs:.0%}",
            f"{new:.0f}",
            f"{2 * more:.0f}",
            f"{2 * more / new:.0%}",
        )
        table.add_row(str(pairs), *row)
    Console().print(table)


if __name__ == "__main__":
    main()
