"""Style that all figures share: size, colors, row names."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import MaxNLocator

from studies.analysis.effects import Verdict
from studies.analysis.units import Unit
from studies.report.figures.fitting import fit_labels
from studies.report.figures.schemes import EDGE, GRID, GROUND, INK

mpl.use("Agg")

BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "#8a8a8a"  # Okabe and Ito's colors, safe for color-blind eyes
VERDICT_COLORS: Mapping[Verdict, str] = {"helps": BLUE, "hurts": ORANGE, "no evidence yet": GRAY}
WIDTH = 6.0
"""Width in inches: narrow, so that text stays readable when a phone scales the figure to its screen."""
_SCRIPTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "WenQuanYi Zen Hei"),
    *("Droid Sans Fallback", "Microsoft YaHei", "Malgun Gothic", "PingFang SC", "Hiragino Sans"),
    *("Arial Unicode MS", "Noto Sans Devanagari"),
)
"""Fallback fonts in the order in which they are tried, on systems that have them."""
_INSTALLED = {font.name for font in fontManager.ttflist}
_STYLE = {
    "svg.fonttype": "path",
    "axes.edgecolor": EDGE,
    "grid.color": GRID,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), GROUND),
    "font.family": [name for name in _SCRIPTS if name in _INSTALLED],
    "text.parse_math": False,  # names of texts may hold dollar signs
}


def axes_of(height: float) -> tuple[Figure, Axes]:
    """Return a figure as wide as the page, and its axes; `height` in inches."""
    themed()
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def themed() -> None:
    """Apply the common style to new figures."""
    sns.set_theme(context="notebook", style="whitegrid", rc=_STYLE)


class Ends(Protocol):
    """Anything that has an interval."""

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


def interval(axes: Axes, row: int, shown: Ends, unit: Unit, color: str) -> None:
    """Draw a bar from one end of an interval to the other, if the interval is finite."""
    if math.isfinite(shown.low):
        ends = [shown.low * unit.factor, shown.high * unit.factor]
        axes.plot(ends, [row, row], color=color, linewidth=2.5, solid_capstyle="butt")


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows, the first on top, and mark zero gain."""
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(names)), [short(name) for name in reversed(names)])
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(visible=False, axis="y")


def short(name: str, most: int = 28) -> str:
    """Return a name shortened to fit beside a figure."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def drawn(figure: Figure, kind: str) -> bytes:
    """Return a figure as the content of a `png` or `svg` file."""
    fit_labels(figure)
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()
