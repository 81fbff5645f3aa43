"""Figures with one panel per text: its effect over the course of training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from optuna.trial import TrialState

from search.storage.records import TrialRecord
from studies.analysis.effects import TextEffect
from studies.analysis.units import Unit
from studies.report.figures.schemes import INK
from studies.report.figures.style import VERDICT_COLORS, WIDTH, short, themed

_COLUMNS = 3
MOST = 24
"""Maximum number of panels; with more texts, those with the strongest effects are shown."""


def effect_curves(by_tokens: Mapping[int, Sequence[TextEffect]], order: Sequence[str], unit: Unit) -> Figure:
    """Draw the effect of every text against training tokens with its 95% interval, in the color of its verdict.

    Args:
        by_tokens: effects of all texts by training tokens (cumulative).
        order: texts in the order of their panels.
        unit: unit of the effects.
    """
    tokens = list(by_tokens)
    every = [effect for effects in by_tokens.values() for effect in effects]
    by_text = {text: [effect for effect in every if effect.text == text] for text in order}
    strongest = _strongest([by_text[text][-1] for text in order])
    figure, panels = _panels([text for text in order if text in strongest], f"effect ({unit.effect})")
    for text, axes in panels:
        effects = by_text[text]
        color = VERDICT_COLORS[effects[-1].verdict]
        values = [effect.effect * unit.factor for effect in effects]
        axes.plot(tokens, values, "-o", color=color, linewidth=1.8, markersize=4)
        finite = [(at, effect) for at, effect in zip(tokens, effects, strict=True) if math.isfinite(effect.low)]
        low, high = ([getattr(e, end) * unit.factor for _, e in finite] for end in ("low", "high"))
        axes.fill_between([at for at, _ in finite], low, high, color=color, alpha=0.25, linewidth=0)
    return figure


def trial_curves(records: Sequence[TrialRecord], effects: Sequence[TextEffect], unit: Unit) -> Figure:
    """Draw gain against training tokens of every trial on a single text, in that text's panel and color."""
    own = {effect.text: [r for r in records if r.rungs and r.texts == (effect.text,)] for effect in effects}
    strongest = _strongest([effect for effect in effects if own[effect.text]])
    figure, panels = _panels([text for text in own if text in strongest], f"gain ({unit.effect})")
    colors = {effect.text: VERDICT_COLORS[effect.verdict] for effect in effects}
    for text, axes in panels:
        for record in own[text]:
            tokens = [0, *(rung.tokens for rung in record.rungs)]
            gains = [0.0, *(rung.gain * unit.factor for rung in record.rungs)]
            stopped = record.state is TrialState.PRUNED
            axes.plot(tokens, gains, ":" if stopped else "-", color=colors[text], alpha=0.7, linewidth=1.3)
    return figure


def _strongest(effects: Sequence[TextEffect]) -> set[str]:
    """Return the texts with the strongest effects, which get a panel."""
    return {e.text for e in sorted(effects, key=lambda effect: -abs(np.nan_to_num(effect.effect)))[:MOST]}


def _panels(texts: Sequence[str], label: str) -> tuple[Figure, Iterator[tuple[str, Axes]]]:
    """Return a figure with a small panel per text, all on the same scale, and pairs of text and axes."""
    themed()
    rows = math.ceil(len(texts) / _COLUMNS)
    figure = Figure(figsize=(WIDTH, 0.8 + 1.25 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(texts):
            axes.set_visible(False)
            continue
        axes.set_title(short(texts[place], 18), fontsize="small", loc="left", pad=3)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.tick_params(labelsize="x-small", labelbottom=place // _COLUMNS == rows - 1)
    figure.supxlabel("training tokens", fontsize="small")
    figure.supylabel(label, fontsize="small")
    return figure, zip(texts, grid.flat, strict=False)


def _thousands(value: float, _place: int | None) -> str:
    """Format a number of tokens briefly: 12k, 3M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
