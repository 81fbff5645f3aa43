"""Databases by the scheme of their URLs, one file each.

Another package adds one with an entry point of the group `mixtune.databases`.
"""

from __future__ import annotations

from search.storage.kind import StudyStorage
from search.storage.urls import parsed
from spaces.errors import InputError, did_you_mean, listed
from spaces.kinds import Kinds

DATABASES: Kinds[type[StudyStorage]] = Kinds(
    "mixtune.databases",
    {
        "sqlite": "search.storage.sqlite:SqliteStorage",
        "postgresql": "search.storage.postgresql:PostgresqlStorage",
    },
)


def storage_of(url: str) -> StudyStorage:
    """Return the database of a URL, unopened, after checking that the URL is supported and safe to store and show.

    Raises:
        InputError: the URL is not that of a supported database, or it contains a password.
    """
    parts = parsed(url)
    name = parts.get_backend_name()
    if name not in DATABASES:
        raise InputError(
            f"the database must be one of {listed(list(DATABASES))}, such as sqlite:////disk/study.db or "
            f"postgresql+psycopg://user@host/database; got {parts.drivername}.{did_you_mean(name, list(DATABASES))}",
            code="database-of-other-kind",
        )
    return DATABASES[name](url)


def open_storage(url: str, *, reading: bool = False) -> StudyStorage:
    """Open the database of a URL; a missing file is created unless `reading`.

    Args:
        url: URL of the database, without a password.
        reading: open the database read-only if its kind supports that, so that a file need not be writable.

    Raises:
        InputError: the database cannot be opened, or its URL contains a password.
    """
    return storage_of(url).open(reading=reading)
