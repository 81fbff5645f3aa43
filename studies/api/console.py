"""The console that the Python API prints to."""

from __future__ import annotations

import sys

from rich.console import Console


def default_console() -> Console:
    """A console on standard output; square brackets in names are not markup.

    In a notebook, rich's live displays would need a further package and redirect the output to themselves without end.
    """
    return Console(file=sys.stdout, force_jupyter=False, markup=False)
