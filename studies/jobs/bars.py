"""Progress bar for a known number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def training_bar(console: Console, what: str, steps: int, done: int = 0) -> Iterator[Callable[[int, float], None]]:
    """Show a progress bar in a terminal, nothing elsewhere; yield a function that takes the step and the loss."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=steps, completed=done)
        yield lambda step, loss: bar.update(task, completed=step, description=f"{what}, loss {loss:.2f}")
