"""Savings and costs of every pruner, through the product's own searcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from search.pruners import PRUNERS
from search.spec import SearchSpec
from tests.benchmarks.search_regret.planted import Problem, crossing, subsets
from tests.benchmarks.search_regret.sheets import Sheet, mean_and_interval
from tests.benchmarks.search_regret.studies import Course, study_of
from tests.benchmarks.search_regret.workers import Workers

_SAMPLER = "tpe"
_TRIALS = 64
_EQUAL = 40
"""Full trials whose tokens all pruners are given: even one that prunes every guided trial at once spends as many."""
_REDUCTIONS = (2, 3, 4)

CURVES: Mapping[str, tuple[Callable[[int], Problem], str]] = {
    "curves that never cross": (partial(subsets, 8), "8 texts, the synthetic objective"),
    "curves that cross": (crossing, "10 texts, half of the noise new at every rung; unit: standard deviations"),
}


@dataclass(frozen=True)
class Cut:
    """How trials are stopped."""

    pruner: str
    reduction: int = SearchSpec().reduction_factor


def cuts() -> dict[str, Cut]:
    """Every pruner by its name, those with a reduction factor with several."""
    found = {"none": Cut("none")}
    for name in PRUNERS:
        if name in {"asha", "hyperband"}:
            found |= {f"{name}, one in {factor}": Cut(name, factor) for factor in _REDUCTIONS}
        else:
            found[name] = Cut(name)
    return found


def pruning(workers: Workers, seeds: int) -> Iterator[Sheet]:
    """Studies of planted spaces with every pruner."""
    for name, (make, what) in CURVES.items():
        found = {cut: workers.over(partial(_course, make, how), seeds) for cut, how in cuts().items()}
        note = (
            f"{what}; {_TRIALS} trials of three rungs, half randomized and so never pruned, {_SAMPLER}; {seeds} spaces."
        )
        yield _sheet(f"Pruning, {name}", note, found)


def _course(make: Callable[[int], Problem], cut: Cut, seed: int) -> Course:
    return study_of(
        make(seed), seed, trials=_TRIALS, sampler=_SAMPLER, pruner=cut.pruner, reduction_factor=cut.reduction
    )


def _sheet(title: str, note: str, found: Mapping[str, list[Course]]) -> Sheet:
    rows = []
    for name, courses in found.items():
        pairs = list(zip(courses, found["none"], strict=True))
        rows.append(
            (
                name,
                mean_and_interval([course.saved for course in courses], 3),
                mean_and_interval([course.saved_of_guided for course in courses], 3),
                mean_and_interval([course.after(_TRIALS) for course in courses], 4),
                mean_and_interval([one.after(_TRIALS) - none.after(_TRIALS) for one, none in pairs], 4, sign=True),
                mean_and_interval(
                    [one.for_tokens(_EQUAL) - none.for_tokens(_EQUAL) for one, none in pairs], 4, sign=True
                ),
            )
        )
    columns = ("", "tokens saved", "of guided trials", "regret", "less none's", f"the same, for {_EQUAL} full trials")
    return Sheet(title, note, columns, tuple(rows))
