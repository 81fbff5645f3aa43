"""Figures of what a trial has changed in the model."""

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
    """Change of every trained weight relative to its size before, by layer and weight; the lowest layer below."""
    names = list(dict.fromkeys(change.weight for change in changes))
    values = np.full((layers, len(names)), np.nan)
    for change in changes:
        values[change.layer, names.index(change.weight)] = change.norm / change.before if change.before else np.nan
    return _map(values, _named(names), "change, as a share")


def stages(found: Sequence[tuple[str, Sequence[Change]]], layers: int) -> Figure:
    """Norm of all that each stage has changed in a layer, empty where nothing; the lowest layer below."""
    values = np.full((layers, len(found)), np.nan)
    for column, (_, changes) in enumerate(found):
        for layer in {change.layer for change in changes}:
            values[layer, column] = np.linalg.norm([change.norm for change in changes if change.layer == layer])
    return _map(values, [name for name, _ in found], "norm of the change")


def attention(inspection: Inspection) -> Figure:
    """Per head, how much wider and how much further back the tuned model looks than its base."""
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
    """`q_proj` of `self_attn.q_proj.weight`; more of the path where that is not one weight's alone."""
    paths = [weight.removesuffix(".weight").split(".") for weight in weights]
    ends = Counter(path[-1] for path in paths)
    return [short(".".join(path[-1:] if ends[path[-1]] == 1 else path[-2:]), 22) for path in paths]


def _decimals(values: NDArray[np.float64]) -> int:
    """Decimals that give the largest value two digits, and all others as many decimals."""
    most = float(np.nanmax(values, initial=0.0))
    return min(6, max(1, 1 - math.floor(math.log10(most)))) if most > 0 else 1


def _map(values: NDArray[np.float64], columns: Sequence[str], label: str) -> Figure:
    """Values of shape (layers, columns)."""
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
