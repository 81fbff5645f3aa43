"""Tables of regrets, for the terminal and for the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.stats import t as student

Regrets = NDArray[np.float64]
"""By seed and by number of runs, shape (seeds, counts); NaN where a contestant was not run so long."""

INTERVALS = (
    "Regret: what the best run of all scores, less what that run scores which is best so far. Means over seeds with "
    "95% intervals, Student's t on the seeds. On a table seeds differ in the chooser's luck alone, so that intervals "
    "say nothing of other tables; in planted spaces every seed is another space of the same kind."
)
_ALMOST_ALL = 0.975


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of the benchmark."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def shown(self) -> Table:
        """For the terminal."""
        table = Table(title=self.title, caption=self.note, box=None, title_justify="left", caption_justify="left")
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For the docs."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"**{self.title}.** {self.note}\n\n{body}\n"


def mean_and_interval(values: Sequence[float] | Regrets, digits: int, *, sign: bool = False) -> str:
    """The mean of a sample, plus or minus half of its 95% interval (Student's t); a dash where there is none."""
    sample = np.asarray(values, dtype=np.float64)
    if np.isnan(sample).any():
        return "–"
    mean = f"{sample.mean():{'+' if sign else ''}.{digits}f}"
    if len(sample) < 2:
        return mean
    error = sample.std(ddof=1) / len(sample) ** 0.5
    return f"{mean} ± {student.ppf(_ALMOST_ALL, len(sample) - 1) * error:.{digits}f}"


def regret_sheet(title: str, note: str, found: Mapping[str, Regrets], counts: Sequence[int], digits: int) -> Sheet:
    """The mean regret of every contestant after so many runs."""
    rows = [(name, *(mean_and_interval(column, digits) for column in regrets.T)) for name, regrets in found.items()]
    return Sheet(title, note, ("", *(f"after {count}" for count in counts)), tuple(rows))


def difference_sheet(
    title: str, reference: str, found: Mapping[str, Regrets], counts: Sequence[int], digits: int
) -> Sheet:
    """The regret of every contestant less that of one of them, seed by seed."""
    rows = [
        (name, *(mean_and_interval(column, digits, sign=True) for column in (regrets - found[reference]).T))
        for name, regrets in found.items()
        if name != reference
    ]
    note = f"Paired by seed; below zero: better than {reference}."
    columns = ("", *(f"after {count}" for count in counts))
    return Sheet(f"{title}: regret less that of {reference}", note, columns, tuple(rows))
