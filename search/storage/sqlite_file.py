"""SQLite files: checks of their location, and how they are opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

import psutil
import sqlalchemy
from optuna.storages import RDBStorage

from spaces import InputError

LOCK_SECONDS = 60
"""Seconds that a write waits for another program's write; SQLite itself retries."""
_NETWORK = {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "9p", "ceph"} | {
    *("fuse.ceph", "glusterfs", "fuse.glusterfs", "lustre", "gpfs", "beegfs", "afs", "orangefs", "fuse.juicefs")
}
"""System names of the file systems on which SQLite's locks and shared memory do not work."""


def url_of(path: Path) -> str:
    """Return the URL of a file, with escaping, because `?` and `%` in a path have other meanings in a URL."""
    return sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()


def file_of(url: str) -> Path:
    """Return the file of an SQLite URL."""
    return Path(sqlalchemy.make_url(url).database or "")


def storage_at(url: str) -> RDBStorage:
    """Return Optuna's storage in the file of a URL."""
    return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": LOCK_SECONDS}})


def reading_url(path: Path) -> str:
    """Return the URL that opens a file read-only.

    Readers share an index file with writers. If a reader may not create it, and the write-ahead log is empty, the file
    is opened as immutable.

    Raises:
        InputError: there is no such file, or the file is empty.
    """
    if not path.is_file():
        raise InputError(f"There is no study database {str(path)!r}.", code="database-missing")
    if not path.stat().st_size:
        raise InputError(
            f"The study database {str(path)!r} is empty, because its launch was interrupted. Launch the study again.",
            code="study-unbegun",
        )
    log = path.with_name(f"{path.name}-wal")
    immutable = not os.access(path.parent, os.W_OK) and not (log.is_file() and log.stat().st_size)
    query = {"mode": "ro", "uri": "true", **({"immutable": "1"} if immutable else {})}
    return sqlalchemy.URL.create(
        "sqlite", database=f"file://{quote(os.fsencode(path.absolute()))}", query=query
    ).render_as_string()


def prepare(path: Path) -> None:
    """Create the folder, and switch the file to write-ahead logging so that readers and the driver do not block.

    Raises:
        InputError: the file is not writable, or is on a network file system.
    """
    _refuse_network(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path if path.exists() else path.parent, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise InputError(
            f"The study database {str(path)!r} cannot be written: this user may not write to its folder or to the "
            "file. Change their permissions, choose another folder with --runs, or name another place with `storage:` "
            "in the study file.",
            code="database-unwritable",
        )
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def relax(engine: sqlalchemy.Engine) -> None:
    """Flush to disk once per checkpoint instead of once per commit.

    With write-ahead logging, a crash of the program loses nothing, and a power cut at most the last moments.
    """

    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    sqlalchemy.event.listen(engine, "connect", set_pragmas)
    engine.dispose()  # close earlier connections, so that all connections get the pragmas


def _refuse_network(path: Path) -> None:
    """Check that the file is not on a network file system, where SQLite does not work.

    Raises:
        InputError: the file is on a network file system.
    """
    folder = path.parent.resolve()
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    nearest = max(reversed(mounts), key=lambda part: len(part.mountpoint), default=None)  # the last one covers others
    if nearest is not None and nearest.fstype in _NETWORK:
        raise InputError(
            f"The study database {str(path)!r} would be on a network file system ({nearest.fstype} at "
            f"{nearest.mountpoint}), where SQLite cannot lock files and loses data. Name a local disk with "
            f"`storage: sqlite:////local/disk/study.db` in the study file, or use PostgreSQL (docs/how-to/cluster.md).",
            code="database-on-network",
        )
