"""Finding a study by its name."""

from __future__ import annotations

from pathlib import Path

from spaces import InputError
from spaces.errors import listed
from studies.places import studies_in, url_in
from studies.spec import check_name
from studies.store import Store, StoredStudy


def find(name: str, runs: Path, storage: str | None = None) -> tuple[Store, StoredStudy]:
    """An existing study and its database.

    Raises:
        InputError: there is none; the message lists those that exist.
    """
    check_name(name)
    folder = runs / name
    url = storage or url_in(folder)
    if url is None:
        raise InputError(
            f"There is no study {name!r} in {str(runs)!r}. Studies there: {listed(studies_in(runs))}. "
            "A study in another database is found with --storage URL."
        )
    store = Store(url)
    return store, store.load(name)
