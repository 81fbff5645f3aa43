"""Keep axis labels on the canvas: wrap labels that are too long, and move labels that extend beyond it."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

_MARGIN = 4.0
"""Margin at the edges, in pixels."""
_ROUNDS = 3
"""Maximum number of layout rounds: wrapping a label moves the axes and so the other labels."""


def fit_labels(figure: Figure) -> None:
    """Wrap and move the labels of all axes until they lie within the figure."""
    for _ in range(_ROUNDS):
        figure.draw_without_rendering()  # the layout engine places everything
        if not _wrap_figure_labels(figure) and not [axes for axes in figure.axes if _fit(figure, axes)]:
            return


def _wrap_figure_labels(figure: Figure) -> bool:
    """Wrap the labels that all axes share; return whether anything changed."""
    across, along = (text for text in (_shared(figure, "supxlabel"), _shared(figure, "supylabel")))
    wide = across is not None and _wrap(across, figure.bbox.width, vertical=False)
    tall = along is not None and _wrap(along, figure.bbox.height, vertical=True)
    return wide or tall


def _shared(figure: Figure, name: str) -> Text | None:
    """Return a label of the whole figure, by the name of the method that sets the label."""
    label = getattr(figure, f"get_{name}")()
    return next((text for text in figure.texts if text.get_text() == label), None) if label else None


def _fit(figure: Figure, axes: Axes) -> bool:
    """Fit both labels of the given axes; return whether anything changed."""
    width, height = figure.bbox.width, figure.bbox.height
    wrapped = _wrap(axes.xaxis.label, width, vertical=False), _wrap(axes.yaxis.label, height, vertical=True)
    if any(wrapped):
        return True
    across, along = axes.xaxis.label.get_window_extent(), axes.yaxis.label.get_window_extent()
    sideways, upwards = _inside(across.x0, across.x1, width), _inside(along.y0, along.y1, height)
    if sideways:
        axes.xaxis.label.set_x(axes.xaxis.label.get_position()[0] + sideways / axes.bbox.width)
    if upwards:
        axes.yaxis.label.set_y(axes.yaxis.label.get_position()[1] + upwards / axes.bbox.height)
    return bool(sideways or upwards)


def _wrap(label: Text, room: float, *, vertical: bool) -> bool:
    """Break a label into lines that fit into `room` pixels; return whether anything changed."""
    box = label.get_window_extent()
    size = box.height if vertical else box.width
    if size <= room - 2 * _MARGIN:
        return False
    lines = label.get_text().split("\n")
    longest = max(map(len, lines))
    most = max(8, int(longest * (room - 2 * _MARGIN) / size) - 1)
    label.set_text("\n".join(part for line in lines for part in textwrap.wrap(line, most)))
    return True


def _inside(start: float, end: float, room: float) -> float:
    """Return the pixels by which to move the range from `start` to `end` so that it lies within the canvas."""
    if start < _MARGIN:
        return _MARGIN - start
    return min(0.0, room - _MARGIN - end)
