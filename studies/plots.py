"""Figures of a study; every function draws on axes of its own and returns the figure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, MaxNLocator
from optuna.trial import TrialState

from search.confirmation import BASE
from search.records import TrialRecord
from studies.confirmation import Confirmed
from studies.effects import TextEffect, Verdict
from studies.pareto import front, second_goal
from studies.pareto import unit as second_unit
from studies.store import StoredStudy
from studies.words import Unit

mpl.use("Agg")

_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#8a8a8a"  # Okabe and Ito's colours, safe for colour-blind eyes
_COLOURS: Mapping[Verdict, str] = {"helps": _BLUE, "hurts": _ORANGE, "no evidence yet": _GREY}
_MARKERS: Mapping[Verdict, str] = {"helps": "^", "hurts": "v", "no evidence yet": "o"}
_WIDTH = 7.5
_SCRIPTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Microsoft YaHei", "PingFang SC", "Arial Unicode MS")
_INSTALLED = {font.name for font in fontManager.ttflist}
_STYLE = {
    "svg.fonttype": "path",
    "axes.edgecolor": "#555555",
    "font.family": [name for name in _SCRIPTS if name in _INSTALLED],
    "text.parse_math": False,  # names of texts may hold dollar signs
}


def _axes(height: float) -> tuple[Figure, Axes]:
    sns.set_theme(context="notebook", style="whitegrid", rc=_STYLE)
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def forest(effects: list[TextEffect], unit: Unit) -> Figure:
    """Effect of every text with its joint 95% interval, most helpful on top."""
    figure, axes = _axes(1.4 + 0.38 * len(effects))
    for row, effect in enumerate(reversed(effects)):
        colour = _COLOURS[effect.verdict]
        _interval(axes, row, effect, unit, colour)
        if math.isfinite(effect.effect):
            axes.plot(effect.effect * unit.factor, row, _MARKERS[effect.verdict], color=colour, markersize=8)
    _rows(axes, [effect.text for effect in effects])
    axes.set_xlabel(f"effect with joint 95% interval ({unit.effect})")
    for verdict, colour in _COLOURS.items():
        axes.plot([], [], _MARKERS[verdict], color=colour, label=verdict)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def confirmation(rows: Sequence[Confirmed], unit: Unit) -> Figure:
    """Gain of every role over the untouched base with its interval, and what the search had seen of it."""
    shown = [row for row in rows if row.role != BASE]
    figure, axes = _axes(1.4 + 0.42 * len(shown))
    for place, row in enumerate(reversed(shown)):
        colour = _BLUE if row.of is not None else _GREY
        _interval(axes, place, row, unit, colour)
        axes.plot(row.gain * unit.factor, place, "o", color=colour, markersize=8)
        if row.searched is not None:
            axes.plot(row.searched * unit.factor, place, "D", markeredgecolor=_ORANGE, markerfacecolor="none")
    _rows(axes, [row.role for row in shown])
    axes.set_xlabel(f"gain over the untouched base with 95% interval ({unit.effect})")
    axes.plot([], [], "o", color=_BLUE, label="found by the search")
    axes.plot([], [], "o", color=_GREY, label="baseline")
    axes.plot([], [], "D", markeredgecolor=_ORANGE, markerfacecolor="none", label="as the search saw it: optimistic")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def _interval(axes: Axes, row: int, shown: TextEffect | Confirmed, unit: Unit, colour: str) -> None:
    """A bar from one end of an interval to the other, where there is one."""
    if math.isfinite(shown.low):
        ends = [shown.low * unit.factor, shown.high * unit.factor]
        axes.plot(ends, [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows, the first on top, and mark where nothing is gained."""
    axes.axvline(0, color="#333333", linewidth=1)
    axes.set_yticks(range(len(names)), [_short(name) for name in reversed(names)])
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(visible=False, axis="y")


def learning_curves(study: StoredStudy, unit: Unit) -> Figure:
    """Gain over the base against training tokens, one line a trial; stopped ones in grey, the best on top."""
    figure, axes = _axes(4.2)
    best = study.best
    for record in study.records:
        if not record.rungs:
            continue
        tokens = [0, *(rung.tokens for rung in record.rungs)]
        scores = [0.0, *(rung.gain * unit.factor for rung in record.rungs)]  # rungs may ask different questions
        if record is best:
            axes.plot(tokens, scores, "-o", color=_ORANGE, linewidth=2.5, zorder=5)
        elif record.state is TrialState.COMPLETE:
            axes.plot(tokens, scores, "-", color=_BLUE, alpha=0.45, linewidth=1.2, zorder=3)
        else:
            axes.plot(tokens, scores, "-", color=_GREY, alpha=0.5, linewidth=1)
            axes.plot(tokens[-1], scores[-1], "x", color=_GREY, markersize=5)
    for label, style, colour in (("best", "-o", _ORANGE), ("complete", "-", _BLUE), ("stopped early", "-x", _GREY)):
        axes.plot([], [], style, color=colour, label=label)
    axes.set_xlabel("training tokens")
    axes.set_ylabel(f"gain over the untouched base\n({unit.effect})")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def history(study: StoredStudy, unit: Unit) -> Figure:
    """Score of every trial in order (where it stopped, if early), the best so far, and the untouched base."""
    figure, axes = _axes(4.0)
    complete = study.ended(TrialState.COMPLETE)
    for arm, marker, colour in (("randomised", "o", _BLUE), ("guided", "D", _ORANGE)):
        chosen = [record for record in complete if record.arm == arm]
        axes.plot(
            [record.number for record in chosen],
            [record.score or 0.0 for record in chosen],
            marker,
            color=colour,
            alpha=0.75,
            linestyle="none",
            label={"randomised": "texts by coins", "guided": "texts by sampler"}[arm],
        )
    stopped = [record for record in study.ended(TrialState.PRUNED) if record.rungs]
    scores = [record.rungs[-1].score for record in stopped]
    axes.plot([record.number for record in stopped], scores, "x", color=_GREY, label="stopped early")
    steps = zip([record.number for record in complete], _running_best(complete), strict=True)
    axes.step(*zip(*steps, strict=True), where="post", color="#333333", linewidth=1.5, label="best so far")
    if study.base is not None:
        axes.axhline(study.base, color=_GREY, linestyle="--", label="untouched base")
    axes.set_xlabel("trial")
    axes.set_ylabel(f"score ({unit.score})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(
        loc="outside upper center", ncols=5, frameon=False, fontsize="small", columnspacing=1, handlelength=1.4
    )
    return figure


def _running_best(records: Iterable[TrialRecord]) -> Iterator[float]:
    return accumulate((record.score or 0.0 for record in records), max)


def pareto(study: StoredStudy, unit: Unit) -> Figure:
    """Score against the second goal for every complete trial, those of the Pareto front joined."""
    figure, axes = _axes(4.2)
    best = front(study)
    others = [record for record in study.ended(TrialState.COMPLETE) if record not in best]
    for records, style, colour, label in (
        (others, "o", _GREY, "complete"),
        (best[::-1], "-D", _ORANGE, "Pareto front"),
    ):
        where = [second_goal(study, record) for record in records]
        axes.plot(where, [record.score or 0.0 for record in records], style, color=colour, label=label)
    for record in best:
        axes.annotate(
            str(record.number), (second_goal(study, record), record.score or 0.0), (5, 5), textcoords="offset points"
        )
    axes.set_xlabel(f"{second_unit(study)}, fewer is better")
    axes.set_ylabel(f"score ({unit.score})")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def importances(shares: Mapping[str, float]) -> Figure:
    """Share of the score's variance that each hyperparameter explains."""
    figure, axes = _axes(1.2 + 0.42 * len(shares))
    names = list(shares)[::-1]
    axes.barh([_short(name) for name in names], [shares[name] for name in names], color=_BLUE)
    axes.set_xlabel("share of the variance of the score (fANOVA)")
    axes.set_xlim(0, max(0.05, 1.15 * max(shares.values())))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.grid(visible=False, axis="y")
    return figure


def _short(name: str, most: int = 34) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
