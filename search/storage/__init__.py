"""Databases by the names that begin their URLs, one file each; another package adds one by an entry point of the
group `mixtune.databases`.
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
    """The database of a URL, not opened yet; the URL can be used, stored and shown.

    Raises:
        InputError: it is no URL of a database that mixtune knows, or it holds a password.
    """
    found = parsed(url)
    name = found.get_backend_name()
    if name not in DATABASES:
        raise InputError(
            f"the database must be one of {listed(list(DATABASES))}, such as sqlite:////disk/study.db or "
            f"postgresql+psycopg://user@host/database; got {found.drivername}.{did_you_mean(name, list(DATABASES))}",
            code="database-of-other-kind",
        )
    return DATABASES[name](url)


def open_storage(url: str, *, reading: bool = False) -> StudyStorage:
    """Open the database of a URL; a file is made where there is none, except for reading.

    Args:
        url: URL of the database, without a password.
        reading: open it for reading alone, where its kind knows such a way: no right to write to a file is needed.

    Raises:
        InputError: it cannot be opened, or its URL holds a password.
    """
    return storage_of(url).open(reading=reading)
