"""Table of leases in a study database, with one row per driver."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    MetaData,
    Row,
    String,
    Table,
    cast,
    extract,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

LeaseRow = Row[tuple[object, ...]]

DRIVERS = Table(
    "mixtune_drivers",
    MetaData(),
    Column("study", String(512), primary_key=True),
    Column("slot", String(32), primary_key=True),  # the same for all drivers if the database allows only one
    Column("driver", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("machine", String(255), nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("process_began", Float(53), nullable=False),
    Column("began", String(32), nullable=False),
    Column("seen", BigInteger, nullable=False),
)
NOW = cast(extract("epoch", func.now()), BigInteger)
"""Current time of the database's clock, in seconds since 1970."""


def make_table(engine: Engine) -> None:
    """Create the table if it does not exist."""
    try:
        DRIVERS.metadata.create_all(engine)
    except (IntegrityError, ProgrammingError, OperationalError):  # another driver created it at the same time
        DRIVERS.metadata.create_all(engine)


def look(engine: Engine, study: str) -> tuple[int, list[LeaseRow]]:
    """Return the database's time and the drivers of a study, in a separate transaction."""
    with engine.connect() as connection:
        return rows_of(connection, study)


def rows_of(connection: Connection, study: str) -> tuple[int, list[LeaseRow]]:
    """Return the database's time and the drivers of a study."""
    now = connection.execute(select(NOW)).scalar_one()
    return now, list(connection.execute(DRIVERS.select().where(DRIVERS.c.study == study)))


def describe(row: LeaseRow) -> str:
    """Describe a driver so that a user can find its process."""
    return f"process {row.process} on {row.host}, since {row.began}"
