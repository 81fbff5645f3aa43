"""Options that several commands have, and the console."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

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


def backend_of(*, local: bool) -> Literal["ray", "local"]:
    """The backend that the option --local asks for."""
    return "local" if local else "ray"


class _Console(Console):
    """A console whose reader may leave, as `head` does after a few lines: the command goes on without it."""

    def on_broken_pipe(self) -> None:
        """Say so on standard error, once, and print nothing more; rich itself would end the program."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write("Nobody reads the output any more; the command goes on without it.\n")


def console_of() -> Console:
    """Square brackets in names are not markup; lines are wrapped in a terminal only."""
    return _Console(soft_wrap=not sys.stdout.isatty(), markup=False)


def degrade_output() -> None:
    """Let an output that is not UTF-8 show `?` in place of what it cannot write."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="replace")
