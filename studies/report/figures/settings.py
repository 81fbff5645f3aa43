"""Figures of settings: hyperparameter importances, and gain by trained layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from studies.analysis.settings import Importance, LayerCell
from studies.analysis.units import Unit
from studies.report.figures.schemes import INK
from studies.report.figures.style import BLUE, axes_of, short


def importances(ranked: Sequence[Importance]) -> Figure:
    """Draw the share of the score's variance that each hyperparameter explains, with its bootstrap interval."""
    figure, axes = axes_of(1.2 + 0.42 * len(ranked))
    rows = range(len(ranked) - 1, -1, -1)
    axes.barh(rows, [each.share for each in ranked], color=BLUE, alpha=0.75)
    axes.hlines(rows, [each.low for each in ranked], [each.high for each in ranked], color=INK, linewidth=1.5)
    axes.set_yticks(rows, [short(each.name) for each in ranked])
    axes.set_xlabel("share of the score's variance, bootstrap range")
    axes.set_xlim(0, max(0.05, 1.1 * max(each.high for each in ranked)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.grid(visible=False, axis="y")
    return figure


def layers(cells: Sequence[LayerCell], unit: Unit) -> Figure:
    """Draw the mean gain by the number of frozen layers below and above, with the number of trials."""
    below, above = sorted({cell.below for cell in cells}), sorted({cell.above for cell in cells})
    gains = np.full((len(above), len(below)), np.nan)
    names = np.full(gains.shape, "", dtype=object)
    for cell in cells:
        place = above.index(cell.above), below.index(cell.below)
        gains[place] = cell.gain * unit.factor
        names[place] = f"{unit.signed(cell.gain)}\n{cell.trials} trials"
    figure, axes = axes_of(1.4 + 0.6 * len(above))
    sns.heatmap(
        gains,
        ax=axes,
        cmap="cividis",
        annot=names if gains.size <= 64 else None,
        fmt="",
        annot_kws={"fontsize": "small"},
        xticklabels=below,
        yticklabels=above,
        cbar_kws={"label": "gain"},
    )
    axes.invert_yaxis()
    axes.tick_params(axis="y", rotation=0)
    axes.set_xlabel("frozen layers below the trained ones")
    axes.set_ylabel("frozen layers above")
    return figure
