"""`mixtune demo`: the whole main job on a library whose effects are known."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console

from spaces import InputError
from studies.cli.session import run_session
from studies.demo.books import BOOKS
from studies.demo.library import benchmark, is_demo, write_demo
from studies.run.launch import prepare_launch
from studies.spec import check_name
from studies.storage.places import default_url, resume_command
from studies.storage.store import open_store
from studies.study_file import read_study


def run_demo(console: Console, runs: Path, name: str, seed: int, *, again: bool, local: bool) -> int:
    """Write the library and run the study on it; return the exit status.

    Raises:
        InputError: there is a demo of that name, and it is not to be removed.
    """
    check_name(name)
    folder = runs / name
    if again and is_demo(folder):
        store = open_store(default_url(folder))
        if name in store.names():
            store.lease(name).refuse_taken()
        store.close()
        shutil.rmtree(folder)
    if (folder / "study.db").exists():
        what = "a demo" if is_demo(folder) else "a study that is no demo"
        raise InputError(
            f"There is {what} in {str(folder)!r} already. Go on with it: "
            f"`{resume_command(name, default_url(folder), folder)}`. Start a demo anew with --again, or another one "
            "with --name.",
            code="name-taken",
        )
    path = write_demo(folder, name, seed)
    console.print(
        f"A library of {len(BOOKS)} small books, a base model of 0.85 million parameters that answers at chance, and "
        f"{len(benchmark(seed))} questions that stand in none of the books.\n"
        f"Which books teach it to reason? The study file is {path}.",
        soft_wrap=True,
        highlight=False,
    )
    with console.status("Checking the study …"):
        ready = prepare_launch(read_study(path), runs, with_ray=not local)
    return run_session(console, ready, local=local, planted={book.name: book.planted for book in BOOKS})
