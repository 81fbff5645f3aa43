"""The page that says how well the ratings hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.calibration.measures import Case, Measured
from tests.benchmarks.calibration.own_way import left_out
from tests.benchmarks.calibration.own_way_page import section
from tests.benchmarks.calibration.readings import WIDTHS_AT
from tests.benchmarks.calibration.trials import INDEPENDENT

_FAMILIES = ["games", "additive", "synergy", "heavy noise", "little noise", "null"]
_OTHERS = ["choose: weights", "choose: one", "choose: limited"]
_WIDEST = 120

_INTRODUCTION = """\
# Calibration

*Written by `make calibration GAMES=…` on {today}; do not edit by hand.*

{count} studies whose truth is known, each run by mixtune's own searcher: tpe, asha, half of the trials randomized in
complementary pairs, three rungs, and a learning rate and a rank to search. Effects of texts show in full at the best
learning rate and by a third at a tenth of it; half of the noise is a trial's own and half is new at every rung.

- **games**: {games} exhaustively played games of 10 players (what a model scored that was trained on each of 1,024
  subsets of its sources; published by the `shapiq` project), with noise of 0.3 standard deviations of their values.
- **additive**: three of 10 texts help, two hurt, five do nothing; noise 0.3. **synergy**: besides, three pairs of texts
  are worth more or less together. **heavy noise**: additive with noise 1.5. **null**: no text does anything.
- **little noise**: every text halves, about, what is missing, with noise of a tenth of the spread of the values.
- **choose: weights**, **choose: one**, **choose: limited**: five of 10 texts help or hurt, in studies of shares, of
  single texts, and of one to five texts that dilute one another (`max_texts: 5`).

The truth is each text's Banzhaf value, times what shows of it at the settings of the randomized trials.
A smaller study is the beginning of the largest.
"""


def write(path: Path, measured: Measured, cases: Sequence[Case], own: Sequence[Mapping[str, object]]) -> None:
    """Write the page.

    Args:
        path: file to write.
        measured: figures of the studies.
        cases: the studies.
        own: rows of `own_way.estimates`.
    """
    studies, ranks, top = (pd.DataFrame(rows) for rows in (measured.studies, measured.ranks, measured.top))
    main = studies[studies["family"].isin([*_FAMILIES, *_OTHERS]) & (studies["settings"] == "held")]
    named = {case.world.name for case in cases if case.world.family == "games"}
    parts = [
        _INTRODUCTION.format(today=date.today().isoformat(), count=len(cases), games=len(named)),  # noqa: DTZ011
        _intervals(main),
        _readings(pd.DataFrame(measured.readings)),
        _ranks(ranks),
        own_way(own),
        _top(top),
        _settings(studies),
        _many(studies[studies["family"] == "many texts"]),
        _pairs(main[main["family"].isin(_FAMILIES)]),
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def own_way(rows: Sequence[Mapping[str, object]]) -> str:
    """Return the section on peers that choose their own subsets, from rows of `own_way.estimates`."""
    return section(rows, left_out(), _markdown)


def _intervals(main: pd.DataFrame) -> str:
    null = main[main["family"] == "null"]
    near = _of(main["near decided"].sum(), main["near"].sum())
    columns: dict[str, Callable[[pd.DataFrame], str]] = {
        "95% intervals that hold": lambda of: _percent(of["covered"].mean()),
        "mean width": lambda of: f"{of['width'].mean():.2f}",
        "texts with a verdict": lambda of: _percent(of["decided"].mean()),
        "verdicts with the wrong sign": lambda of: _percent(_of(of["sign errors"].sum(), of["decided"].sum()), 2),
        "verdicts that are false": _false,
        "studies with a false verdict": lambda of: _percent(of["any wrong"].mean()),
    }
    return f"""
## Intervals and verdicts

**{_percent(main["covered"].mean())} of the 95% intervals hold**, over all families and sizes. Where no text does
anything, {_percent(null["wrong"].mean())} of the texts get a verdict, and {_percent(null["any wrong"].mean())} of the
studies give one to any text (the error rate that the correction of Benjamini and Hochberg keeps at 5%). Of the effects
within 15% of the "smallest effect that 8 of 10 studies detect", {_percent(near)} got a verdict.

{_table(main, columns)}
A false verdict: of a text that has no effect, or the opposite one. The correction keeps false verdicts below 5% of all
verdicts on average; where no text does anything every verdict is false, and 5% of the studies have one.
"""


def _readings(readings: pd.DataFrame) -> str:
    null = readings[readings["family"] == "null"]
    columns: dict[str, Callable[[pd.DataFrame], str]] = {
        "sequences that hold throughout": lambda of: _percent(of["held"].mean()),
        "95% intervals that do": lambda of: _percent(of["held once"].mean()),
        "studies with a false verdict": lambda of: _percent(of["false"].mean()),
        "with one by the rule for one reading": lambda of: _percent(of["false once"].mean()),
        **{f"width at {at}": partial(_median, f"width {at}") for at in WIDTHS_AT},
    }
    families = [name for name in [*_FAMILIES, *_OTHERS] if name in set(readings["family"])]
    rows = [
        [name, str(len(of)), *(column(of) for column in columns.values())]
        for name in families
        for of in [readings[readings["family"] == name]]
    ]
    table = pd.DataFrame(rows, columns=["family", "studies", *columns]).set_index("family")
    return f"""
## Read after every block

The same studies, read after every block of randomized trials, from the first with an interval to the last.
**{_percent(readings["held"].mean())} of the 95% confidence sequences hold at all of these readings**;
{_percent(readings["held once"].mean())} of the intervals for one reading do. Where no text does anything,
{_percent(null["false"].mean())} of the studies give a verdict at any reading; by the rule for one reading, which the
verdicts of mixtune do not follow, {_percent(null["false once"].mean())} would.

{_markdown(table)}
Widths: of a sequence, as a multiple of the interval for one reading, at a number of blocks; the median over texts and
studies. "too few": for most texts, so few blocks exclude nothing at any time.
"""


def _median(column: str, readings: pd.DataFrame) -> str:
    """Format the median of a column; `-` if no study is so large."""
    if column not in readings or readings[column].isna().all():
        return "-"
    median = readings[column].median()
    return "too few" if np.isinf(median) else f"{median:.2f}"


def _false(studies: pd.DataFrame) -> str:
    """Share of the verdicts; of games it would count wrong signs alone, because no effect there is exactly zero."""
    return "-" if "games" in set(studies["family"]) else _percent(_of(studies["wrong"].sum(), studies["decided"].sum()))


def _ranks(ranks: pd.DataFrame) -> str:
    def of(column: str) -> str:
        wanted = ranks[ranks["family"].isin(_FAMILIES)].dropna(subset=[column])
        mean = wanted.pivot_table(index="estimator", columns="trials", values=column, sort=False)
        by_family = wanted[wanted["trials"] == _WIDEST].pivot_table(
            index="estimator", columns="family", values=column, sort=False
        )
        by_family.columns = [f"{name}, {_WIDEST}" for name in by_family.columns]
        mean.columns = [f"{size} trials" for size in mean.columns]
        return _markdown(mean.join(by_family))

    return f"""
## Ranking

Spearman's correlation of an estimator's values with the true effects, the mean over all studies with effects, then by
family at {_WIDEST} trials. All estimators see the same trials. pyDVL's estimate by maximum sample reuse is the
difference in means; the lasso is that of AME and of datamodels; shapiq's regression is its own code, on these trials.

{of("signed")}
Optuna's importances have no sign; so here are the correlations with the *sizes* of the effects, for all.

{of("size")}"""


def _top(top: pd.DataFrame) -> str:
    parts = [("choose: subset", top[~top["family"].isin(_OTHERS)])]
    parts += [(name, top[top["family"] == name]) for name in _OTHERS]
    tables = "\n".join(f"{name}:\n\n{_reliability(of)}" for name, of in parts)
    return f"""
## The probability of being among the best three

{tables}"""


def _reliability(top: pd.DataFrame) -> str:
    bins = pd.cut(top["said"], [-0.001, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0])
    found = top.groupby(bins, observed=True).agg(texts=("is", "size"), said=("said", "mean"), true=("is", "mean"))
    rows = pd.DataFrame(
        {
            "texts": [f"{count:,}" for count in found["texts"]],
            "predicted, mean": [_percent(value) for value in found["said"]],
            "among the best three": [_percent(value) for value in found["true"]],
        },
        index=[f"{max(0.0, b.left):.0%} to {b.right:.0%}" for b in found.index],
    )
    rows.index.name = "P(top 3)"
    return _markdown(rows)


def _settings(studies: pd.DataFrame) -> str:
    independent = studies[studies["settings"] == INDEPENDENT]
    size = int(independent["trials"].iloc[0])
    same = studies[(studies["trials"] == size) & studies["family"].isin(independent["family"].unique())]
    named = {
        "those of the best trial so far (mixtune)": same[same["settings"] == "held"],
        "drawn by the sampler for every pair, without regard to the texts": same[same["settings"] == "drawn"],
        "independent draws": independent,
    }
    rows = pd.DataFrame(
        [
            [
                _percent(of["covered"].mean()),
                f"{of['relative width'].mean():.2f}",
                f"{of['error'].mean():.3f}",
                _percent(of["decided"].mean()),
            ]
            for of in named.values()
        ],
        columns=[
            "95% intervals that hold",
            "width, in spreads of the effects",
            "error, in spreads of the effects",
            "texts with a verdict",
        ],
        index=list(named),
    )
    rows.index.name = "settings of randomized trials"
    return f"""
## Where the settings of randomized trials come from

The same worlds with effects, {size} trials.

{_markdown(rows)}"""


def _many(studies: pd.DataFrame) -> str:
    columns: dict[str, Callable[[pd.DataFrame], str]] = {
        "95% intervals that hold": lambda of: _percent(of["covered"].mean()),
        "texts with a verdict": lambda of: _percent(of["decided"].mean()),
        "studies with a false verdict": lambda of: _percent(of["any wrong"].mean()),
    }
    return f"""
## More texts than randomized trials

50 texts, ten of which help or hurt; each text is estimated by itself.

{_table(studies, columns)}"""


def _pairs(main: pd.DataFrame) -> str:
    columns: dict[str, Callable[[pd.DataFrame], str]] = {
        "95% intervals that hold": lambda of: _percent(of["pairs covered"].mean()),
        "pairs that stand out": lambda of: f"{of['pairs out'].sum():.0f}",
        "of these without an interaction": lambda of: f"{of['pairs false'].sum():.0f}",
    }
    return f"""
## Interactions (a screen)

{_table(main, columns)}"""


def _table(studies: pd.DataFrame, columns: dict[str, Callable[[pd.DataFrame], str]]) -> str:
    families = [name for name in [*_FAMILIES, *_OTHERS, "many texts"] if name in set(studies["family"])]
    rows = [
        [family, str(size), str(len(of)), *(column(of) for column in columns.values())]
        for family in families
        for size, of in studies[studies["family"] == family].groupby("trials")
    ]
    return _markdown(pd.DataFrame(rows, columns=["family", "trials", "studies", *columns]).set_index("family"))


def _markdown(table: pd.DataFrame) -> str:
    heads = ["" if table.index.name is None else str(table.index.name), *map(str, table.columns)]
    lines = [heads, ["---", *["---:"] * len(table.columns)]]
    lines += [[str(name), *map(_cell, row)] for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:.3f}"
    return str(value)


def _of(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _percent(share: float, digits: int = 1) -> str:
    return f"{share:.{digits}%}"
