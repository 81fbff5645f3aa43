"""Database URLs: parsing, checks, and display without passwords."""

from __future__ import annotations

import sqlalchemy

from spaces import InputError


def parsed(url: str) -> sqlalchemy.URL:
    """Parse a database URL.

    Raises:
        InputError: the text is not a database URL, or the URL contains a password.
    """
    try:
        parts = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise InputError(
            "this must be a database URL, such as sqlite:////disk/study.db or postgresql+psycopg://user@host/database",
            code="url-malformed",
        ) from error
    if parts.password or any("pass" in key.lower() and key != "passfile" for key in parts.query):
        raise InputError(
            "the database URL contains a password, which would be stored with the study. Remove it from the URL and "
            "set the environment variable PGPASSWORD or use ~/.pgpass",
            code="url-holds-password",
        )
    return parts


def shown(url: str) -> str:
    """Return a database URL for messages, without its password."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return repr(url)
