"""Files and folders that appear whole or not at all, whenever a program is cut off."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path, *, shared: bool = False, overwrite: bool = True) -> Iterator[Path]:
    """Give a path to write a file or a folder at; it gets its true name when the block has ended well.

    Folders above it are made.

    Args:
        path: of the file or folder.
        shared: whether several programs may write it at once; the last one stands.
        overwrite: whether a file or a folder of that name is replaced by one of its kind.

    Raises:
        FileExistsError: there is something of that name which is not to be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = f".{os.getpid()}" if shared else ""  # without it, what a killed program left is replaced by the next
    unfinished = path.with_name(f".{path.name}{mark}.tmp")
    _remove(unfinished)
    try:
        yield unfinished
        if not overwrite and os.path.lexists(path):
            raise FileExistsError(f"{str(path)!r} exists already.")
        if unfinished.is_dir() and path.is_dir():
            shutil.rmtree(path)
        unfinished.replace(path)
    finally:
        _remove(unfinished)


def write_text(path: Path, text: str, *, shared: bool = False) -> None:
    """Write a file of UTF-8, whole or not at all; `shared`: several programs may write it at once."""
    with whole(path, shared=shared) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
