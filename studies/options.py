"""What commands have in common: options, and the console."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

RUNS = Path("runs")
"""Where studies lie, unless told otherwise."""

Name = Annotated[str, typer.Argument(help="Name of the study.")]
Runs = Annotated[Path, typer.Option(help="Folder that holds the studies.")]
Storage = Annotated[str | None, typer.Option(help="Database URL, where it is not in the folder.")]
Out = Annotated[Path, typer.Option(help="Folder to write; must not exist.")]
Only = Annotated[list[str] | None, typer.Option(help="adapter, merged or file; may be repeated. All where none is.")]
Local = Annotated[bool, typer.Option("--local", help="One trial after the other in this process, without Ray.")]


def console_of() -> Console:
    """Square brackets in names are not markup; lines are wrapped in a terminal only."""
    return Console(soft_wrap=not sys.stdout.isatty(), markup=False)
