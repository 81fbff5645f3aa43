"""Regret on tables of runs that others measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from search.samplers import SAMPLERS
from search.spec import SearchSpec
from tests.benchmarks.search_regret.choosers import (
    AtRandom,
    ByModel,
    ByProxy,
    BySampler,
    Maker,
    automatic,
    order_of,
)
from tests.benchmarks.search_regret.models import boosted_trees, expected_improvement, has_lightgbm, linear
from tests.benchmarks.search_regret.sheets import Sheet, difference_sheet, regret_sheet
from tests.benchmarks.search_regret.tables import Table, lora_tables, regmix_tables
from tests.benchmarks.search_regret.workers import Workers

_REFERENCE = "tpe, snapped"
_DIGITS = 4

_ANY: Mapping[str, Maker] = {
    "random": AtRandom,
    **{f"{name}, snapped": partial(BySampler, sampler=name) for name in SAMPLERS},
    "GP on the candidates": partial(ByModel, model=expected_improvement),
}
_MIXTURES: Mapping[str, Maker] = {
    "linear, fitted on its runs": partial(ByModel, model=linear),
    "LightGBM, fitted on its runs": partial(ByModel, model=boosted_trees),
    **{
        f"mixtune: half random mixes, half {sampler}": partial(
            BySampler, sampler=sampler, randomized=SearchSpec().randomized_share
        )
        for sampler in ("tpe", "gp")
    },
    "linear, fitted on 512 runs at 1M": partial(ByProxy, model=linear),
    "LightGBM, fitted on 512 runs at 1M (RegMix)": partial(ByProxy, model=boosted_trees),
}
_TREES = "LightGBM"


def regmix(folder: Path, workers: Workers, seeds: int) -> Iterator[Sheet]:
    """Which of RegMix's mixtures has the least loss on Pile-CC."""
    return _sheets(workers, regmix_tables(folder), {**_ANY, **_MIXTURES}, seeds)


def lora(folder: Path, workers: Workers, seeds: int) -> Iterator[Sheet]:
    """Which settings of LoRA score best."""
    return _sheets(workers, lora_tables(folder), _ANY, seeds)


def _sheets(workers: Workers, tables: list[Table], makers: Mapping[str, Maker], seeds: int) -> Iterator[Sheet]:
    for table in tables:
        found = {
            name: np.array(workers.over(partial(regrets_on, table, make), seeds))
            for name, make in makers.items()
            if _can_run(name)
        }
        chosen = automatic(table.candidates.space, max(table.counts))
        best, median = (abs(float(of(table.scores))) for of in (np.max, np.median))
        note = (
            f"{table.unit}; {len(table.scores)} runs, best {best:.4f}, median {median:.4f}; {seeds} seeds. "
            f"The automatic rule takes {chosen}."
        )
        yield regret_sheet(table.name, note, found, table.counts, _DIGITS)
        yield difference_sheet(table.name, _REFERENCE, found, table.counts, _DIGITS)


def regrets_on(table: Table, make: Maker, seed: int) -> list[float]:
    """The regret of a chooser, by the table's numbers of runs."""
    order = order_of(table, make, seed, max(table.counts))
    so_far = np.maximum.accumulate(table.scores[order])
    return [float(table.scores.max() - so_far[min(count, len(order)) - 1]) for count in table.counts]


def _can_run(contestant: str) -> bool:
    return has_lightgbm() or not contestant.startswith(_TREES)
