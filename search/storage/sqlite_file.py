"""SQLite files: where they may lie, and how they are opened."""

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
"""How long a write waits for another program's; SQLite itself tries again and again."""
_NETWORK = {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "9p", "ceph"} | {
    *("fuse.ceph", "glusterfs", "fuse.glusterfs", "lustre", "gpfs", "beegfs", "afs", "orangefs", "fuse.juicefs")
}
"""File systems on which SQLite's locks and its shared memory do not work, by the names that the system gives them."""


def url_of(path: Path) -> str:
    """The URL of a file; built, because `?` and `%` in a path mean other things in a URL."""
    return sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()


def file_of(url: str) -> Path:
    """The file that a URL of SQLite names."""
    return Path(sqlalchemy.make_url(url).database or "")


def storage_at(url: str) -> RDBStorage:
    """Optuna's storage in the file that a URL names."""
    return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": LOCK_SECONDS}})


def reading_url(path: Path) -> str:
    """The URL that opens a file for reading alone.

    Readers share an index file with writers. Where a reader may not make it, and nothing waits in the log to be read
    beside the file, the file is read as one that does not change.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(f"There is no study database {str(path)!r}.", code="database-missing")
    if not path.stat().st_size:
        raise InputError(
            f"The study database {str(path)!r} is empty: the launch that made it was cut off. Launch the study again.",
            code="study-unbegun",
        )
    log = path.with_name(f"{path.name}-wal")
    exclusive = not os.access(path.parent, os.W_OK) and not (log.is_file() and log.stat().st_size)
    query = {"mode": "ro", "uri": "true", **({"immutable": "1"} if exclusive else {})}
    return sqlalchemy.URL.create(
        "sqlite", database=f"file://{quote(os.fsencode(path.absolute()))}", query=query
    ).render_as_string()


def prepare(path: Path) -> None:
    """Make the folder, and switch the file to write-ahead logging: readers and the driver do not block each other.

    Raises:
        InputError: the file cannot be written, or lies on a network file system.
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
    """One disk flush per checkpoint instead of one per commit: with write-ahead logging a crash of the program
    loses nothing, and a power cut at most the last moments.
    """

    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    sqlalchemy.event.listen(engine, "connect", set_pragmas)
    engine.dispose()  # connections opened before are closed, so that every one gets the pragmas


def _refuse_network(path: Path) -> None:
    """See that SQLite works where the file lies.

    Raises:
        InputError: it does not.
    """
    folder = path.parent.resolve()
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    nearest = max(reversed(mounts), key=lambda part: len(part.mountpoint), default=None)  # the last one covers others
    if nearest is not None and nearest.fstype in _NETWORK:
        raise InputError(
            f"The study database {str(path)!r} would lie on a network file system ({nearest.fstype} at "
            f"{nearest.mountpoint}), where SQLite cannot keep programs apart and loses data. Name a local disk with "
            f"`storage: sqlite:////local/disk/study.db` in the study file, or use PostgreSQL (docs/cluster.md).",
            code="database-on-network",
        )
