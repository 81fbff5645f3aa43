"""Figures of texts: effects on the score, effects on each quality, and interactions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from studies.analysis.effects import TextEffect, Verdict
from studies.analysis.interactions import Interaction
from studies.analysis.regression import Estimate
from studies.analysis.units import Unit
from studies.report.figures.schemes import GROUND
from studies.report.figures.style import BLUE, ORANGE, VERDICT_COLORS, axes_of, interval, name_rows, short

_MARKERS: Mapping[Verdict, str] = {"helps": "^", "hurts": "v", "no evidence yet": "o"}
_DIVERGING = LinearSegmentedColormap.from_list("hurts-helps", [ORANGE, "#f7f7f7", BLUE])
MOST_TEXTS = 20
ANNOTATED = 7
"""Maximum number of texts for which the cells of an interaction map show values."""
_MOST_ERRORS = 6
_MOST_BEYOND = 0.75
"""Extent of the axis beyond the intervals on either side, as a share of their range: early sequences are very wide."""
_SLANT, _STEEP, _SLANTED = 30, 60, 8
"""Rotation of column names in degrees, for few and for many columns, and the most columns that count as few."""


def forest(effects: list[TextEffect], unit: Unit, axis: str) -> Figure:
    """Draw the effect of every text, most helpful on top; `axis`: the axis label.

    The thick bar is the 95% interval for one reading, the thin line the 95% confidence sequence.
    """
    figure, axes = axes_of(1.6 + 0.38 * len(effects))
    for row, effect in enumerate(reversed(effects)):
        color = VERDICT_COLORS[effect.verdict]
        interval(axes, row, effect, unit, color)
        if math.isfinite(effect.low_anytime):
            ends = [effect.low_anytime * unit.factor, effect.high_anytime * unit.factor]
            axes.plot(ends, [row, row], color=color, linewidth=1)
        if math.isfinite(effect.effect):
            axes.plot(effect.effect * unit.factor, row, _MARKERS[effect.verdict], color=color, markersize=8)
    name_rows(axes, [effect.text for effect in effects])
    axes.set_xlim(_limits(effects, unit))
    axes.set_xlabel(f"{axis}\n({unit.effect})\n95%: thick for one reading, thin at any time")
    for verdict, color in VERDICT_COLORS.items():
        axes.plot([], [], _MARKERS[verdict], color=color, label=verdict)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, columnspacing=1)
    return figure


def _limits(effects: Sequence[TextEffect], unit: Unit) -> tuple[float, float] | None:
    """Return ends of the axis that show all intervals, and the sequences up to as far again; None without intervals."""
    shown = [effect for effect in effects if math.isfinite(effect.low)]
    if not shown:
        return None
    low, high = min(0.0, *(effect.low for effect in shown)), max(0.0, *(effect.high for effect in shown))
    beyond = _MOST_BEYOND * (high - low)
    drawn = [effect for effect in shown if math.isfinite(effect.low_anytime)]
    first = max(low - beyond, min([low, *(effect.low_anytime for effect in drawn)]))
    last = min(high + beyond, max([high, *(effect.high_anytime for effect in drawn)]))
    margin = 0.05 * (last - first)
    return (first - margin) * unit.factor, (last + margin) * unit.factor


def qualities(by_quality: Mapping[str, Sequence[TextEffect]], order: Sequence[str]) -> Figure:
    """Draw the effect of every text on every quality, in standard errors; blue is better, triangles are verdicts."""
    cells = {(effect.text, column): effect for column in by_quality for effect in by_quality[column]}
    strength = np.array([[_errors(cells[text, column].estimate) for column in by_quality] for text in order])
    marks = [[_sign(cells[text, column]) for column in by_quality] for text in order]
    columns = [short(column, 24) for column in by_quality]
    return _heat_map(strength, np.array(marks, dtype=object), order, columns, "effect in standard errors")


def _errors(estimate: Estimate) -> float:
    """Return an estimate in units of its standard error; nan if the error is zero or infinite."""
    return estimate.value / estimate.stderr if 0 < estimate.stderr < math.inf else math.nan


def _sign(effect: TextEffect) -> str:
    return {"helps": "▲", "hurts": "▼", "no evidence yet": ""}[effect.verdict]


def interaction_map(interactions: Sequence[Interaction], order: Sequence[str], unit: Unit) -> Figure:
    """Draw the interaction of every pair of texts; a star marks a pair that stands out.

    If there are more than 20 texts, those with the strongest interactions are shown.
    """
    strongest = list(dict.fromkeys(text for pair in interactions for text in pair.texts))[:MOST_TEXTS]
    shown = [text for text in order if text in strongest]
    place = {text: row for row, text in enumerate(shown)}
    values = np.full((len(shown), len(shown)), np.nan)
    marks = np.full(values.shape, "", dtype=object)
    for pair in interactions:
        if all(text in place for text in pair.texts):
            column, row = sorted(place[text] for text in pair.texts)
            values[row, column] = _errors(pair.estimate)
            value = unit.signed(pair.estimate.value) if len(shown) <= ANNOTATED else ""
            marks[row, column] = value + ("*" if pair.stands_out else "")
    columns = [short(text, 20) for text in shown[:-1]]
    return _heat_map(values[1:, :-1], marks[1:, :-1], shown[1:], columns, "interaction in standard errors")


def _heat_map(
    values: NDArray[np.float64], marks: NDArray[np.object_], rows: Sequence[str], columns: Sequence[str], label: str
) -> Figure:
    """Draw values in standard errors, with marks, both of shape (rows, columns); blue is positive, orange negative."""
    figure, axes = axes_of(1.9 + 0.36 * len(rows))
    sns.heatmap(
        values,
        ax=axes,
        cmap=_DIVERGING,
        center=0,
        vmin=-_MOST_ERRORS,
        vmax=_MOST_ERRORS,
        annot=marks,
        fmt="",
        annot_kws={"fontsize": "small"},
        linewidths=1,
        linecolor=GROUND,
        xticklabels=columns,
        yticklabels=[short(row) for row in rows],
        cbar_kws={"label": label},
    )
    axes.grid(visible=False)
    axes.tick_params(axis="x", rotation=_SLANT if len(columns) <= _SLANTED else _STEEP)
    for name in axes.get_xticklabels():
        name.set_horizontalalignment("right")
    return figure
