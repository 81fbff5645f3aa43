"""Light and dark pages: a figure's ink and ground follow the reader's color scheme, its data keep their colors."""

from __future__ import annotations

INK, EDGE, GRID, GROUND = "#262627", "#555556", "#ccccce", "#fffffe"
"""Colors of letters, of frames, of grids and of the ground. Nothing else in a figure has them, so that they can be
told from colors that mean a figure: turned round in the dark, a scale of lightness would say the opposite.
"""
_DARK = {INK: "#ececec", EDGE: "#a0a0a4", GRID: "#46484d", GROUND: "#202225"}


def for_both_schemes(svg: bytes) -> bytes:
    """An SVG figure with ink and ground that follow `prefers-color-scheme`, for an image in a web page."""
    text = svg.decode()
    names = {color: f"--c{number}" for number, color in enumerate(_DARK)}
    light = "".join(f"{name}:{color};" for color, name in names.items())
    dark = "".join(f"{name}:{_DARK[color]};" for color, name in names.items())
    for color, name in names.items():
        text = text.replace(color, f"var({name})")
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}</style>"
    start = text.index(">", text.index("<svg")) + 1
    return (text[:start] + style + text[start:]).encode()
