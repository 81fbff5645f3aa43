"""Finding a study by its name."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import NamedTuple

from search.storage.urls import shown
from spaces import InputError
from spaces.errors import did_you_mean, listed
from studies.spec import check_name
from studies.storage.places import default_url, studies_in, url_in
from studies.storage.store import Store, open_store
from studies.storage.stored import StoredStudy


class Found(NamedTuple):
    """An existing study and where it lives."""

    store: Store
    study: StoredStudy
    folder: Path
    """The study's folder, which keeps its adapters and its report."""


def find(name: str, runs: Path, storage: str | None = None, *, reading: bool = False) -> Found:
    """Find an existing study.

    A study that another program has renamed in its database is found under its new name; its folder keeps the old one.

    Args:
        name: name of the study in its database.
        runs: folder that holds the studies.
        storage: URL of the database, where the study's folder does not tell it.
        reading: open the database for reading alone, which needs no right to write to it.

    Raises:
        InputError: there is no study of that name; the message lists those that exist.
    """
    if "/" in name or name in ("", ".", ".."):
        check_name(name)
    url = storage or url_in(runs / name)
    if url is None:
        return _renamed(name, runs, reading=reading)
    store = open_store(url, reading=reading)
    own = _names_in(runs / name) if storage is None else []
    if own and name not in own:
        raise InputError(
            f"The study in {str(runs / name)!r} is called {listed(own)} in its database, so that is its name now. "
            f"Try: mixtune status {shlex.quote(own[0])}",
            code="study-renamed",
        )
    study = store.load(name)
    renamed = not (runs / name).is_dir() and study.folder.is_dir()
    return Found(store, study, study.folder if renamed else runs / name)


def names_in(runs: Path) -> list[str]:
    """Names of the studies whose folders lie in `runs`, as their databases have them.

    A folder whose database cannot be read, or lies elsewhere, stands under its own name: `find` says what is wrong.
    """
    return sorted({name for folder in studies_in(runs) for name in _names_in(runs / folder) or [folder]})


def only_name(url: str) -> str:
    """Name of the only study in a database.

    Raises:
        InputError: it holds none, or several.
    """
    names = open_store(url, reading=True).names()
    if len(names) != 1:
        raise InputError(
            f"The database {shown(url)} holds {len(names)} studies: {listed(names)}. Say which one with name=…",
            code="study-ambiguous",
        )
    return names[0]


def name_in(folder: Path) -> str:
    """Name of the study in a folder; the folder's own name if its database does not tell."""
    names = _names_in(folder)
    return names[0] if len(names) == 1 else folder.resolve().name


def _renamed(name: str, runs: Path, *, reading: bool) -> Found:
    """The study of this name in a folder of another name.

    Raises:
        InputError: there is none.
    """
    for folder in studies_in(runs):
        if name in _names_in(runs / folder):
            store = open_store(default_url(runs / folder), reading=reading)
            return Found(store, store.load(name), runs / folder)
    there = names_in(runs)
    raise InputError(
        f"There is no study {name!r} in {str(runs)!r}.{did_you_mean(name, there)} Studies there: {listed(there)}. "
        "A study in another database is found with --storage URL.",
        code="study-unknown",
    )


def _names_in(folder: Path) -> list[str]:
    """Names of the studies in a folder's own database; none where it has none that can be read."""
    url = url_in(folder)
    if url != default_url(folder):
        return []
    try:
        return open_store(url, reading=True).names()
    except InputError:  # `find` opens it again under its folder's name, and says why it cannot be read
        return []
