"""Light and dark color schemes: text and background of a figure follow the reader's scheme, data colors do not."""

from __future__ import annotations

INK, EDGE, GRID, GROUND = "#262627", "#555556", "#ccccce", "#fffffe"
"""Colors of text, frames, grids and background. Nothing else in a figure uses these colors, so that data colors are
never replaced: a lightness scale inverted in dark mode would mean the opposite.
"""
_DARK = {INK: "#ececec", EDGE: "#a0a0a4", GRID: "#46484d", GROUND: "#202225"}


def for_both_schemes(svg: bytes) -> bytes:
    """Return an SVG figure whose text and background follow `prefers-color-scheme`, for an image in a web page."""
    text = svg.decode()
    names = {color: f"--c{number}" for number, color in enumerate(_DARK)}
    light = "".join(f"{name}:{color};" for color, name in names.items())
    dark = "".join(f"{name}:{_DARK[color]};" for color, name in names.items())
    for color, name in names.items():
        text = text.replace(color, f"var({name})")
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}</style>"
    start = text.index(">", text.index("<svg")) + 1
    return (text[:start] + style + text[start:]).encode()
