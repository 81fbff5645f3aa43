"""`mixtune demo`: the whole main job on a library whose effects are known."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from mixtune import Study
from studies.cli.session import run_session
from studies.demo.books import BOOKS
from studies.demo.library import benchmark, new_demo


def run_demo(console: Console, runs: Path, name: str, seed: int, *, again: bool, local: bool) -> int:
    """Write the library and run the study on it; return the exit status.

    Raises:
        InputError: there is a demo of that name, and it is not to be removed.
    """
    path = new_demo(runs, name, seed, again=again)
    console.print(
        f"A library of {len(BOOKS)} small books, a base model of 0.85 million parameters that answers at chance, and "
        f"{len(benchmark(seed))} questions that stand in none of the books.\n"
        f"Which books teach it to reason? The study file is {path}.",
        soft_wrap=True,
        highlight=False,
    )
    with console.status("Checking the study …"):
        study = Study.create(path, runs=runs)
    return run_session(console, study, local=local, planted={book.name: book.planted for book in BOOKS})
