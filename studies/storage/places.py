"""Locations of studies: their folders, their databases, and the command that resumes a study."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from search.storage import sqlite_file
from search.storage.urls import shown

_FILE = "study.db"
_ELSEWHERE = "storage.txt"
"""File in a study's folder with the URL of a database elsewhere."""


def default_url(folder: Path) -> str:
    """Return the URL of the SQLite database in a study's folder."""
    return sqlite_file.url_of((folder / _FILE).resolve())


def url_in(folder: Path) -> str | None:
    """Return the URL of the database of a folder's study, in the folder or stored in it; None if there is none."""
    if (folder / _FILE).is_file():
        return default_url(folder)
    stored_url = folder / _ELSEWHERE
    return stored_url.read_text(encoding="utf-8").strip() if stored_url.is_file() else None


def studies_in(runs: Path) -> list[str]:
    """Return the names of the folders in `runs` that contain a study's database or its URL."""
    return sorted({path.parent.name for name in (_FILE, _ELSEWHERE) for path in runs.glob(f"*/{name}")})


def remember_url(folder: Path, url: str) -> None:
    """Store the URL of a database elsewhere, which has no password, in a study's folder."""
    if url != default_url(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _ELSEWHERE).write_text(f"{url}\n", encoding="utf-8")


def resume_command(name: str, url: str, folder: Path) -> str:
    """Return the command that resumes, from the current folder, a study whose adapters are in `folder`."""
    command = f"mixtune resume {shlex.quote(name)}"
    if folder.parent.resolve() != Path("runs").resolve():
        command += f" --runs {shlex.quote(os.path.relpath(folder.parent))}"
    if url != (url_in(folder) or default_url(folder)):
        command += f" --storage {shlex.quote(shown(url))}"
    return command


def taken(name: str, url: str, folder: Path) -> str:
    """Return the error message for launching a study under an existing name."""
    return (
        f"A study named {name!r} already exists. Resume it: `{resume_command(name, url, folder)}`. "
        "To start another study, change `name:` in the study file."
    )
