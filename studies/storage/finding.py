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
    """An existing study with its database and folder."""

    store: Store
    study: StoredStudy
    folder: Path
    """The study's folder, with its adapters and its report."""


def find(name: str, runs: Path, storage: str | None = None, *, reading: bool = False) -> Found:
    """Return an existing study by name.

    A study that another program renamed in its database is found by its new name; its folder keeps the old name.

    Args:
        name: name of the study in its database.
        runs: folder that contains the studies.
        storage: URL of the database, if the study's folder does not have it.
        reading: whether to open the database read-only, which needs no write permission.

    Raises:
        InputError: there is no study of that name; the message lists those that exist.
    """
    if "/" in name or name in ("", ".", ".."):
        check_name(name)
    url = storage or url_in(runs / name)
    if url is None:
        return _renamed(name, runs, reading=reading)
    store = open_store(url, reading=reading)
    own_names = _names_in(runs / name) if storage is None else []
    if own_names and name not in own_names:
        raise InputError(
            f"The study in {str(runs / name)!r} was renamed to {listed(own_names)} in its database. Use the new name: "
            f"mixtune status {shlex.quote(own_names[0])}",
            code="study-renamed",
        )
    study = store.load(name)
    renamed = not (runs / name).is_dir() and study.folder.is_dir()
    return Found(store, study, study.folder if renamed else runs / name)


def names_in(runs: Path) -> list[str]:
    """Return the names, as stored in their databases, of the studies in `runs`.

    If a folder's database cannot be read, or is elsewhere, the folder's name is returned: `find` reports the problem.
    """
    return sorted({name for folder in studies_in(runs) for name in _names_in(runs / folder) or [folder]})


def only_name(url: str) -> str:
    """Name of the only study in a database.

    Raises:
        InputError: it holds none, or several.
    """
    store = open_store(url, reading=True)
    names = store.names()
    store.close()
    if len(names) != 1:
        raise InputError(
            f"The database {shown(url)} holds {len(names)} studies: {listed(names)}. Say which one with name=…",
            code="study-ambiguous",
        )
    return names[0]


def find_in(folder: Path, name: str | None = None) -> Found:
    """The study of a folder, which keeps its adapters there whatever the study is called.

    Raises:
        InputError: the folder has no study, or several and no name is given.
    """
    url = url_in(folder)
    if url is None:
        raise InputError(f"There is no study in the folder {str(folder)!r}.", code="study-unknown")
    name = name or (folder.resolve().name if url != default_url(folder) else only_name(url))
    store = open_store(url, reading=True)
    return Found(store, store.load(name), folder)


def is_folder(folder: Path) -> bool:
    """Whether a folder is that of a study."""
    return url_in(folder) is not None


def _renamed(name: str, runs: Path, *, reading: bool) -> Found:
    """Return the study of this name in a folder of another name.

    Raises:
        InputError: there is no such study.
    """
    for folder in studies_in(runs):
        if name in _names_in(runs / folder):
            store = open_store(default_url(runs / folder), reading=reading)
            return Found(store, store.load(name), runs / folder)
    names = names_in(runs)
    raise InputError(
        f"There is no study {name!r} in {str(runs)!r}.{did_you_mean(name, names)} Studies there: {listed(names)}. "
        "For a study in another database, give --storage URL.",
        code="study-unknown",
    )


def _names_in(folder: Path) -> list[str]:
    """Return the names of the studies in a folder's own database; empty if there is no readable database."""
    url = url_in(folder)
    if url != default_url(folder):
        return []
    try:
        store = open_store(url, reading=True)
        names = store.names()
        store.close()
        return names
    except InputError:  # `find` opens the database again and reports why it cannot be read
        return []
