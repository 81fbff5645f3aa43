"""The table of leases in a study database: a row a driver."""

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
    Column("slot", String(32), primary_key=True),  # one for all where the database allows one driver only
    Column("driver", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("machine", String(255), nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("process_began", Float(53), nullable=False),
    Column("began", String(32), nullable=False),
    Column("seen", BigInteger, nullable=False),
)
NOW = cast(extract("epoch", func.now()), BigInteger)
"""Seconds since 1970 by the database's clock."""


def make_table(engine: Engine) -> None:
    """Make the table where there is none."""
    try:
        DRIVERS.metadata.create_all(engine)
    except (IntegrityError, ProgrammingError, OperationalError):  # another driver made it at the same moment
        DRIVERS.metadata.create_all(engine)


def look(engine: Engine, study: str) -> tuple[int, list[LeaseRow]]:
    """The database's time, and the drivers of a study, in a transaction of their own."""
    with engine.connect() as connection:
        return rows_of(connection, study)


def rows_of(connection: Connection, study: str) -> tuple[int, list[LeaseRow]]:
    """The database's time, and the drivers of a study."""
    now = connection.execute(select(NOW)).scalar_one()
    return now, list(connection.execute(DRIVERS.select().where(DRIVERS.c.study == study)))


def words(row: LeaseRow) -> str:
    """A driver, as a user can find it."""
    return f"process {row.process} on {row.host}, since {row.began}"
