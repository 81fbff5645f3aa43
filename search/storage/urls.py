"""Database URLs: read, checked and shown without a password."""

from __future__ import annotations

import sqlalchemy

from spaces import InputError


def parsed(url: str) -> sqlalchemy.URL:
    """A database URL in its parts.

    Raises:
        InputError: it is none, or it holds a password.
    """
    try:
        found = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise InputError(
            "a database URL is wanted, such as sqlite:////disk/study.db or postgresql+psycopg://user@host/database",
            code="url-malformed",
        ) from error
    if found.password or any("pass" in key.lower() and key != "passfile" for key in found.query):
        raise InputError(
            "the database URL holds a password, which would be stored with the study. Leave it out, and put it into "
            "the environment variable PGPASSWORD or into ~/.pgpass",
            code="url-holds-password",
        )
    return found


def shown(url: str) -> str:
    """A database URL for messages, without its password."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return repr(url)
