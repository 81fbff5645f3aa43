"""Figures of the trials: learning curves, search history, Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from optuna.trial import TrialState

from search.storage.records import Arm, TrialRecord
from studies.analysis.pareto import front, secondary_value
from studies.analysis.pareto import unit as secondary_unit
from studies.analysis.units import Unit
from studies.report.figures.schemes import INK
from studies.report.figures.style import BLUE, GRAY, ORANGE, axes_of
from studies.storage.stored import StoredStudy


def learning_curves(study: StoredStudy, unit: Unit) -> Figure:
    """Draw gain over the base against training tokens, one line per trial; pruned ones gray, failed ones omitted."""
    figure, axes = axes_of(4.2)
    best = study.best
    for record in study.records:
        if not record.rungs:
            continue
        tokens = [0, *(rung.tokens for rung in record.rungs)]
        scores = [0.0, *(rung.gain * unit.factor for rung in record.rungs)]  # rungs may use different questions
        if record is best:
            axes.plot(tokens, scores, "-o", color=ORANGE, linewidth=2.5, zorder=5)
        elif record.state is TrialState.COMPLETE:
            axes.plot(tokens, scores, "-", color=BLUE, alpha=0.45, linewidth=1.2, zorder=3)
        elif record.state is TrialState.RUNNING:
            axes.plot(tokens, scores, ":", color=BLUE, linewidth=1.5, zorder=3)
        elif record.state is TrialState.PRUNED:
            axes.plot(tokens, scores, "-", color=GRAY, alpha=0.5, linewidth=1)
            axes.plot(tokens[-1], scores[-1], "x", color=GRAY, markersize=5)
    styles = [("best", "-o", ORANGE), ("complete", "-", BLUE), ("stopped early", "-x", GRAY)]
    if study.ended(TrialState.RUNNING):
        styles.append(("running", ":", BLUE))
    for label, style, color in styles:
        axes.plot([], [], style, color=color, label=label)
    axes.set_xlabel("training tokens")
    axes.set_ylabel(f"gain over the untouched base\n({unit.effect})")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize="small")
    return figure


def history(study: StoredStudy, unit: Unit) -> Figure:
    """Draw the score of every trial in order (pruned ones: their last score), the best so far, and the base."""
    figure, axes = axes_of(4.0)
    complete = study.ended(TrialState.COMPLETE)
    for arm, marker, color in ((Arm.RANDOMIZED, "o", BLUE), (Arm.GUIDED, "D", ORANGE)):
        chosen = [record for record in complete if record.arm == arm]
        axes.plot(
            [record.number for record in chosen],
            [record.score or 0.0 for record in chosen],
            marker,
            color=color,
            alpha=0.75,
            linestyle="none",
            label={Arm.RANDOMIZED: "random texts", Arm.GUIDED: "sampler's texts"}[arm],
        )
    stopped = [record for record in study.ended(TrialState.PRUNED) if record.rungs]
    scores = [record.rungs[-1].score for record in stopped]
    axes.plot([record.number for record in stopped], scores, "x", color=GRAY, label="stopped early")
    steps = zip([record.number for record in complete], _running_best(complete), strict=True)
    axes.step(*zip(*steps, strict=True), where="post", color=INK, linewidth=1.5, label="best so far")
    if study.base is not None:
        axes.axhline(study.base, color=GRAY, linestyle="--", label="untouched base")
    axes.set_xlabel("trial")
    axes.set_ylabel(f"score ({unit.score})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize="small")
    return figure


def _running_best(records: Iterable[TrialRecord]) -> Iterator[float]:
    return accumulate((record.score or 0.0 for record in records), max)


def pareto(study: StoredStudy, unit: Unit) -> Figure:
    """Draw score against the secondary objective for every complete trial; a line joins the Pareto front."""
    figure, axes = axes_of(4.2)
    best = front(study)
    others = [record for record in study.ended(TrialState.COMPLETE) if record not in best]
    for records, style, color, label in (
        (others, "o", GRAY, "complete"),
        (best[::-1], "-D", ORANGE, "Pareto front"),
    ):
        costs = [secondary_value(study, record) for record in records]
        axes.plot(costs, [record.score or 0.0 for record in records], style, color=color, label=label)
    for record in best:
        axes.annotate(
            str(record.number),
            (secondary_value(study, record), record.score or 0.0),
            (5, 5),
            textcoords="offset points",
        )
    axes.set_xlabel(f"{secondary_unit(study)}, lower is better")
    axes.set_ylabel(f"score ({unit.score})")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure
