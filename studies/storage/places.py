"""Where studies lie: their folders, their databases, and the command that goes on with one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from search.storage import sqlite_file
from search.storage.urls import shown

_FILE = "study.db"
_ELSEWHERE = "storage.txt"
"""File in a study's folder with the URL of its database, where that is another."""


def default_url(folder: Path) -> str:
    """SQLite in the study's folder."""
    return sqlite_file.url_of((folder / _FILE).resolve())


def url_in(folder: Path) -> str | None:
    """The URL of the database of a folder's study: in the folder, or the one that the folder remembers."""
    if (folder / _FILE).is_file():
        return default_url(folder)
    remembered = folder / _ELSEWHERE
    return remembered.read_text(encoding="utf-8").strip() if remembered.is_file() else None


def studies_in(runs: Path) -> list[str]:
    """Names of the folders below `runs` that have a study, or remember where theirs lives."""
    return sorted({path.parent.name for name in (_FILE, _ELSEWHERE) for path in runs.glob(f"*/{name}")})


def remember_url(folder: Path, url: str) -> None:
    """Write down, in a study's folder, the URL of a database elsewhere; such a URL holds no password."""
    if url != default_url(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _ELSEWHERE).write_text(f"{url}\n", encoding="utf-8")


def resume_command(name: str, url: str, folder: Path) -> str:
    """The command that goes on, from the current folder, with a study that keeps its adapters in `folder`."""
    command = f"mixtune resume {shlex.quote(name)}"
    if folder.parent.resolve() != Path("runs").resolve():
        command += f" --runs {shlex.quote(os.path.relpath(folder.parent))}"
    if url != (url_in(folder) or default_url(folder)):
        command += f" --storage {shlex.quote(shown(url))}"
    return command


def taken(name: str, url: str, folder: Path) -> str:
    """The message for somebody who launches a study under a name that exists."""
    return (
        f"A study named {name!r} exists already. Go on with it: `{resume_command(name, url, folder)}`. "
        "Or start another: change `name:` in the study file."
    )
