"""Figures of how a trial changed the model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from studies.report.figures.schemes import GROUND
from studies.report.figures.style import WIDTH, axes_of, short, themed

if TYPE_CHECKING:
    from objectives.inspection import Inspection
    from objectives.training.changes import Change

_ANNOTATED = 12
_MOST_NAMES = 16
_MOST_ROWS = 24


def weights(changes: Sequence[Change], layers: int) -> Figure:
    """Draw the relative change of every trained weight, by layer and weight; the lowest layer is at the bottom."""
    names = list(dict.fromkeys(change.weight for change in changes))
    values = np.full((layers, len(names)), np.nan)
    for change in changes:
        values[change.layer, names.index(change.weight)] = change.norm / change.before if change.before else np.nan
    return _map(values, _named(names), "change, as a share")


def stages(changes_by_stage: Sequence[tuple[str, Sequence[Change]]], layers: int) -> Figure:
    """Draw the norm of each stage's change by layer, empty if unchanged; the lowest layer is at the bottom."""
    values = np.full((layers, len(changes_by_stage)), np.nan)
    for column, (_, changes) in enumerate(changes_by_stage):
        for layer in {change.layer for change in changes}:
            values[layer, column] = np.linalg.norm([change.norm for change in changes if change.layer == layer])
    return _map(values, [name for name, _ in changes_by_stage], "norm of the change")


def attention(inspection: Inspection) -> Figure:
    """Draw the change of attention entropy and distance per head, tuned model minus base."""
    before, after = inspection.base, inspection.tuned
    if before is None or after is None:
        raise ValueError("There is no attention to draw.")
    themed()
    layers = before.entropy.shape[0]
    figure = Figure(figsize=(WIDTH, 1.7 + 0.32 * min(layers, _MOST_ROWS)), layout="constrained")
    panels = {
        "entropy (nats)": after.entropy - before.entropy,
        "distance (tokens)": after.distance - before.distance,
    }
    for axes, (title, values) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        most = float(np.abs(values).max()) or 1.0
        sns.heatmap(values, ax=axes, cmap="vlag", center=0, vmin=-most, vmax=most, linewidths=0.5, linecolor=GROUND)
        axes.invert_yaxis()
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("head")
        axes.set_ylabel("layer")
        axes.tick_params(rotation=0)
    return figure


def _named(weights: Sequence[str]) -> list[str]:
    """Return short weight names: `q_proj` for `self_attn.q_proj.weight`, or a longer path if ambiguous."""
    paths = [weight.removesuffix(".weight").split(".") for weight in weights]
    ends = Counter(path[-1] for path in paths)
    return [short(".".join(path[-1:] if ends[path[-1]] == 1 else path[-2:]), 22) for path in paths]


def _decimals(values: NDArray[np.float64]) -> int:
    """Return the number of decimals that shows the largest value with two digits."""
    most = float(np.nanmax(values, initial=0.0))
    return min(6, max(1, 1 - math.floor(math.log10(most)))) if most > 0 else 1


def _map(values: NDArray[np.float64], columns: Sequence[str], label: str) -> Figure:
    """Draw values of shape (layers, columns) as a heat map."""
    layers = len(values)
    figure, axes = axes_of(1.8 + 0.34 * min(layers, _MOST_ROWS))
    small = len(columns) <= _ANNOTATED // 2 + 1 and layers <= _ANNOTATED
    sns.heatmap(
        values,
        ax=axes,
        cmap="cividis",
        vmin=0,
        annot=small,
        fmt=f".{_decimals(values)}f",
        annot_kws={"fontsize": "small"},
        linewidths=0.5,
        linecolor=GROUND,
        xticklabels=list(columns) if len(columns) <= _MOST_NAMES else "auto",
        yticklabels="auto" if layers > _MOST_ROWS else list(range(layers)),
        cbar_kws={"label": label},
    )
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_ylabel("layer")
    axes.tick_params(axis="y", rotation=0)
    axes.tick_params(axis="x", rotation=30)
    for name in axes.get_xticklabels():
        name.set_horizontalalignment("right")
    return figure
