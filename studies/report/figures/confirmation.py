"""Figure of the confirmation: gains on questions that the search never saw."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from search.confirmation import BASE
from studies.analysis.confirmation import Confirmed
from studies.analysis.units import Unit
from studies.report.figures.style import BLUE, GRAY, ORANGE, axes_of, interval, name_rows


def confirmation(rows: Sequence[Confirmed], unit: Unit) -> Figure:
    """Draw the gain of every role over the untouched base with its interval, and its gain in the search."""
    shown = [row for row in rows if row.role != BASE]
    figure, axes = axes_of(1.4 + 0.42 * len(shown))
    for place, row in enumerate(reversed(shown)):
        color = BLUE if row.of is not None else GRAY
        interval(axes, place, row, unit, color)
        axes.plot(row.gain * unit.factor, place, "o", color=color, markersize=8)
        if row.searched is not None:
            axes.plot(row.searched * unit.factor, place, "D", markeredgecolor=ORANGE, markerfacecolor="none")
    name_rows(axes, [row.role for row in shown])
    axes.set_xlabel(f"gain over the untouched base, with 95% interval\n({unit.effect})")
    axes.plot([], [], "o", color=BLUE, label="found by the search")
    axes.plot([], [], "o", color=GRAY, label="baseline")
    axes.plot([], [], "D", markeredgecolor=ORANGE, markerfacecolor="none", label="gain in the search (optimistic)")
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    return figure
