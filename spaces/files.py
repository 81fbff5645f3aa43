"""Atomic writes: files and folders appear whole or not at all, even if the program is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path, *, shared: bool = False, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary path to write a file or a folder at, and rename that to `path` when the block succeeds.

    Parent folders are created.

    Args:
        path: path of the file or folder.
        shared: whether several programs may write the path at once; the last one wins.
        overwrite: whether an existing file or folder of the same kind is replaced.

    Raises:
        FileExistsError: the path exists and `overwrite` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = f".{os.getpid()}" if shared else ""  # without it, the next program replaces what a killed one left
    unfinished = path.with_name(f".{path.name}{suffix}.tmp")
    _remove(unfinished)
    try:
        yield unfinished
        if not overwrite and os.path.lexists(path):
            raise FileExistsError(f"{str(path)!r} already exists.")
        if unfinished.is_dir() and path.is_dir():
            shutil.rmtree(path)
        unfinished.replace(path)
    finally:
        _remove(unfinished)


def write_text(path: Path, text: str, *, shared: bool = False) -> None:
    """Write a UTF-8 file atomically; set `shared` if several programs may write it at once."""
    with whole(path, shared=shared) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
